/* wallclock.c: a library to preload: the wall clock of a process is ahead by as many nanoseconds as
 * the file WALLCLOCK_FILE says (an int64_t in host order), which may change while it runs
 * (test_clock.py). Other clocks and timers are as they are; libfaketime 0.9.10 moves timerfd's
 * deadlines too.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000

static const volatile int64_t *ahead; /* a page of the file */

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("WALLCLOCK_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        abort();
    void *page = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (page == MAP_FAILED)
        abort();
    ahead = page;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int err = (int)syscall(SYS_clock_gettime, id, ts);

    if (err == 0 && id == CLOCK_REALTIME) {
        int64_t ns = (int64_t)ts->tv_sec * SECOND + ts->tv_nsec + *ahead;
        *ts = (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    }
    return err;
}
