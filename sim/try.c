/* try.c: see try.h. The child writes what its run came to into a pipe; how it ended is what the
 * kernel says, which is the truth when both differ: a sanitizer ends a process after its result.
 */
#include "try.h"

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_child(const struct sim_schedule *sched, int fd)
{
    struct sim_schedule *c = sim_schedule_copy(sched);
    struct sim *s = sim_new(c, false);
    struct sim_outcome o = {.exit = (int)sim_run(s)};

    o.hash = s->hash;
    o.events = s->tally.events;
    o.moves = s->tally.moves;
    o.handovers = s->tally.handovers;
    o.messages = s->tally.messages;
    o.packets = s->tally.packets;
    memcpy(o.invariant, s->invariant, sizeof o.invariant);
    memcpy(o.why, s->why, sizeof o.why);
    ssize_t n = write(fd, &o, sizeof o);
    sim_free(s);
    sim_schedule_free(c);
    _exit(n == (ssize_t)sizeof o ? o.exit : 1);
}

struct sim_trial sim_trial_begin(const struct sim_schedule *sched)
{
    int fd[2];

    (void)fflush(stdout);
    if (pipe(fd) != 0)
        abort();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        (void)close(fd[0]);
        run_child(sched, fd[1]);
    }
    (void)close(fd[1]);
    return (struct sim_trial){pid, fd[0]};
}

struct sim_outcome sim_trial_end(struct sim_trial t)
{
    struct sim_outcome o = {.exit = 1};
    int status;

    if (read(t.fd, &o, sizeof o) != (ssize_t)sizeof o)
        (void)strcpy(o.invariant, "crash");
    (void)close(t.fd);
    while (waitpid(t.pid, &status, 0) != t.pid)
        if (errno != EINTR)
            abort();
    if (WIFSIGNALED(status)) {
        o.exit = 128 + WTERMSIG(status);
        (void)strcpy(o.invariant, "crash");
    } else if (WEXITSTATUS(status) != o.exit) {
        o.exit = WEXITSTATUS(status);
        (void)strcpy(o.invariant, "crash");
    }
    return o;
}

struct sim_outcome sim_try(const struct sim_schedule *sched)
{
    return sim_trial_end(sim_trial_begin(sched));
}
