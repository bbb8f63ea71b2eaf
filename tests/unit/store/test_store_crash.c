/* test_store_crash.c: a writer is killed at arbitrary moments of its work; every batch it had said
 * was committed must be there, whole, and at most one more, also whole.
 */
#include "store/store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 12
#define KEYS   40 /* records of one batch; each batch writes all of them */

/* Batch n sets every key to n. Says n on the pipe after its commit. */
static _Noreturn void writer(const char *dir, int pipe_fd, uint32_t first)
{
    struct gw_store *s = NULL;
    struct gw_store_why why;
    if (gw_store_open(&gw_store_lmdb, dir, &gw_alloc_libc, &s, &why) < 0)
        _exit(1);
    for (uint32_t n = first;; n++) {
        for (uint32_t key = 0; key < KEYS; key++)
            if (gw_store_put(s, &key, sizeof key, &n, sizeof n) < 0)
                _exit(2);
        if (gw_store_commit(s, GW_NEVER, &why) < 0 || write(pipe_fd, &n, sizeof n) != sizeof n)
            _exit(3);
    }
}

/* Reads reports until there are enough, kills the writer, reads what is left. */
static uint32_t kill_after(pid_t pid, int fd, uint32_t reports)
{
    uint32_t n = 0, last = 0;
    for (uint32_t i = 0; i < reports && read(fd, &n, sizeof n) == sizeof n; i++)
        last = n;
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fd, &n, sizeof n) == sizeof n)
        last = n;
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return last;
}

struct found {
    size_t count;
    uint32_t batch;
};

static int check_record(void *user, const void *key, size_t key_len, const void *value,
                        size_t value_len)
{
    struct found *found = user;
    uint32_t n;
    (void)key;
    assert_int_equal(key_len, sizeof(uint32_t));
    assert_int_equal(value_len, sizeof n);
    memcpy(&n, value, sizeof n);
    if (found->count++ == 0)
        found->batch = n;
    assert_int_equal(n, found->batch); /* one batch, whole */
    return 0;
}

static struct found reopen(const char *dir)
{
    struct gw_store *s = NULL;
    struct gw_store_why why = {""};
    struct found found = {0};
    if (gw_store_open(&gw_store_lmdb, dir, &gw_alloc_libc, &s, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(gw_store_load(s, check_record, &found, &why), 0);
    gw_store_close(s);
    return found;
}

static void test_kill_mid_write(void **state)
{
    (void)state;
    char dir[] = "/tmp/gw-store-XXXXXX", cmd[64];
    uint32_t next = 1;
    assert_non_null(mkdtemp(dir));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fd[0]);
            writer(dir, fd[1], next);
        }
        close(fd[1]);
        uint32_t last = kill_after(pid, fd[0], 1 + round * 7);
        close(fd[0]);
        struct found found = reopen(dir);
        assert_int_equal(found.count, KEYS);
        assert_in_range(found.batch, last, last + 1);
        next = found.batch + 1;
    }
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    assert_int_equal(system(cmd), 0); /* NOLINT(cert-env33-c) */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill_mid_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
