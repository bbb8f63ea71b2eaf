/* test_sandbox.c: what a process may do inside the sandbox. Each case is a child: the parent looks
 * at how it ended. The whole daemon inside it is judged in tests/e2e, where it is the default.
 */
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FINE 42

/* The wait status of a child that enters the sandbox and does it. */
static int inside_of(bool enforce, bool connects, int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *what = "";
        if (gw_sandbox_enter(enforce, connects, &what) < 0) {
            fprintf(stderr, "%s: %s\n", what, strerror(errno));
            _exit(1);
        }
        _exit(body());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int inside(bool enforce, int (*body)(void))
{
    return inside_of(enforce, false, body);
}

static void assert_fine(int status)
{
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), FINE);
}

static void assert_killed(int status)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- allowed ---- */

static int files(void)
{
    char path[] = "/tmp/godwit-sandbox-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 1 << 20) < 0 || fdatasync(fd) < 0)
        return 1;
    close(fd);
    return unlink(path) == 0 ? FINE : 2;
}

static void *thread_body(void *arg)
{
    *(int *)arg = FINE;
    return NULL;
}

static int thread(void)
{
    pthread_t t;
    int result = 1;
    if (pthread_create(&t, NULL, thread_body, &result) != 0)
        return 2;
    pthread_join(t, NULL);
    return result;
}

static int sockets(void)
{
    const struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (udp < 0 || local < 0 || netlink < 0)
        return 1;
    if (bind(udp, (const struct sockaddr *)&to, sizeof to) < 0)
        return 2;
    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/godwit-sandbox-%d", (int)getpid());
    if (bind(local, (const struct sockaddr *)&un, sizeof un) < 0)
        return 3;
    if (connect(local, (const struct sockaddr *)&un, sizeof un) < 0 || send(local, "x", 1, 0) != 1)
        return 4;
    return unlink(un.sun_path) == 0 ? FINE : 5;
}

/* ---- given up ---- */

/* The hexadecimal number after a name in the thread's status. */
static unsigned long long status_field(const char *name)
{
    char line[256];
    unsigned long long value = ~0ULL;
    FILE *f = fopen("/proc/thread-self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 16);
    if (f != NULL)
        fclose(f);
    return value;
}

static int capabilities(void)
{
    const unsigned long long most = 1ULL << 12 | 1ULL << 13 | 1ULL << 39;
    if ((status_field("CapEff:") & ~most) != 0 || (status_field("CapPrm:") & ~most) != 0)
        return 1;
    if (status_field("CapAmb:") != 0 || (geteuid() == 0 && status_field("CapBnd:") != 0))
        return 2;
    return FINE;
}

static int dumps(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 ? FINE : 1;
}

/* ---- forbidden ---- */

static int execute(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return FINE;
}

static int raw_socket(void)
{
    socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    return FINE;
}

static int packet_socket(void)
{
    socket(AF_PACKET, SOCK_DGRAM, 0);
    return FINE;
}

static int tcp_socket(void)
{
    return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? FINE : 1;
}

static int mounting(void)
{
    mount("none", "/nonexistent", "tmpfs", 0, NULL);
    return FINE;
}

#ifndef GODWIT_SANITIZE
static int another_process(void)
{
    return fork() == 0 ? 0 : FINE;
}

static int tracing(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
    return FINE;
}
#endif

static void test_what_a_daemon_needs_works(void **state)
{
    (void)state;
    assert_fine(inside(true, files));
    assert_fine(inside(true, thread));
    assert_fine(inside(true, sockets));
    assert_fine(inside_of(true, true, tcp_socket));
}

static void test_privileges_are_given_up(void **state)
{
    (void)state;
    assert_fine(inside(true, capabilities));
    assert_fine(inside(false, capabilities));
    assert_fine(inside(true, dumps));
}

static void test_other_calls_end_the_process(void **state)
{
    (void)state;
    assert_killed(inside(true, execute));
    assert_killed(inside(true, raw_socket));
    assert_killed(inside(true, packet_socket));
    assert_killed(inside(true, mounting));
    assert_killed(inside(true, tcp_socket));
    assert_killed(inside_of(true, true, raw_socket));
#ifndef GODWIT_SANITIZE
    assert_killed(inside(true, another_process));
    assert_killed(inside(true, tracing));
#endif
}

static void test_logged_calls_are_done(void **state)
{
    (void)state;
    int status = inside(false, execute);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0); /* that of /bin/true */
    assert_fine(inside(false, mounting));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_daemon_needs_works),
        cmocka_unit_test(test_privileges_are_given_up),
        cmocka_unit_test(test_other_calls_end_the_process),
        cmocka_unit_test(test_logged_calls_are_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
