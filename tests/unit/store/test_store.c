/* test_store.c: the record store's promises, for each back end: batches, order within a batch,
 * refusals, and what LMDB says of directories it cannot use. Killing the writer is
 * test_store_crash.c.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

struct dir {
    char path[64];
};

static struct dir dir_make(void)
{
    struct dir d = {"/tmp/gw-store-XXXXXX"};
    assert_non_null(mkdtemp(d.path));
    return d;
}

static void dir_remove(const struct dir *d)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "in-use", "checkpoint"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", d->path, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(d->path), 0);
}

static struct gw_store *open_ok(const struct gw_store_ops *ops, const char *where)
{
    struct gw_store *s = NULL;
    struct gw_store_why why = {""};
    int err = gw_store_open(ops, where, &gw_alloc_libc, &s, &why);
    if (err < 0)
        fail_msg("open: %s", why.text);
    return s;
}

static void put(struct gw_store *s, const char *key, const char *value)
{
    assert_int_equal(gw_store_put(s, key, strlen(key), value, strlen(value)), 0);
}

static void commit(struct gw_store *s)
{
    struct gw_store_why why;
    assert_int_equal(gw_store_commit(s, GW_NEVER, &why), 0);
    assert_int_equal(gw_store_staged(s), 0);
}

struct seen {
    size_t count;
    const char *want_key;
    char value[64];
};

static int note(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct seen *seen = user;
    seen->count++;
    if (key_len != strlen(seen->want_key) || memcmp(key, seen->want_key, key_len) != 0)
        return 0;
    assert_true(value_len < sizeof seen->value);
    memcpy(seen->value, value, value_len);
    seen->value[value_len] = '\0';
    return 0;
}

static struct seen look(struct gw_store *s, const char *key)
{
    struct seen seen = {.want_key = key};
    struct gw_store_why why;
    assert_int_equal(gw_store_load(s, note, &seen, &why), 0);
    return seen;
}

static void batches(const struct gw_store_ops *ops, const char *where)
{
    struct gw_store *s = open_ok(ops, where);
    put(s, "a", "1");
    put(s, "b", "2");
    put(s, "a", "3"); /* the last word on a key counts */
    assert_int_equal(gw_store_staged(s), 3);
    assert_int_equal(look(s, "a").count, 0); /* nothing before the commit */
    commit(s);
    assert_int_equal(look(s, "a").count, 2);
    assert_string_equal(look(s, "a").value, "3");
    assert_int_equal(gw_store_del(s, "a", 1), 0);
    assert_int_equal(gw_store_del(s, "nothing", 7), 0);
    put(s, "c", "");
    commit(s);
    assert_int_equal(look(s, "a").count, 2);
    assert_string_equal(look(s, "a").value, "");
    assert_string_equal(look(s, "b").value, "2");
    commit(s); /* of nothing */
    gw_store_close(s);
}

static void test_batches_memory(void **state)
{
    (void)state;
    batches(&gw_store_memory, "");
}

static void test_batches_lmdb(void **state)
{
    (void)state;
    struct dir d = dir_make();
    batches(&gw_store_lmdb, d.path);
    struct gw_store *s = open_ok(&gw_store_lmdb, d.path);
    struct gw_store_why why;
    assert_int_equal(look(s, "b").count, 2);
    assert_string_equal(look(s, "b").value, "2");
    put(s, "lost", "not committed");
    assert_int_equal(gw_store_sync(s, &why), 0);
    gw_store_close(s);
    s = open_ok(&gw_store_lmdb, d.path);
    assert_int_equal(look(s, "b").count, 2);
    gw_store_close(s);
    dir_remove(&d);
}

static void test_bad_keys(void **state)
{
    (void)state;
    char key[GW_STORE_KEY_MAX + 1] = {0};
    struct gw_store *s = open_ok(&gw_store_memory, "");
    assert_int_equal(gw_store_put(s, "", 0, "x", 1), GW_EINVAL);
    assert_int_equal(gw_store_put(s, key, sizeof key, "x", 1), GW_EINVAL);
    assert_int_equal(gw_store_del(s, key, sizeof key), GW_EINVAL);
    assert_int_equal(gw_store_put(s, key, GW_STORE_KEY_MAX, "x", 1), 0);
    assert_int_equal(gw_store_staged(s), 1);
    gw_store_close(s);
}

/* A back end whose medium is full as long as `full` is set. */
static bool full;
static int tries;
static int full_put(void *self, const void *key, size_t key_len, const void *value,
                    size_t value_len, struct gw_store_why *why)
{
    tries++;
    if (full) {
        strcpy(why->text, "medium full");
        return GW_EFULL;
    }
    return gw_store_memory.put(self, key, key_len, value, value_len, why);
}

static void test_failed_batch_is_tried_again(void **state)
{
    (void)state;
    struct gw_store_ops ops = gw_store_memory;
    struct gw_store_why why;
    ops.put = full_put;
    struct gw_store *s = open_ok(&ops, "");
    full = true;
    put(s, "a", "1");
    assert_int_equal(gw_store_commit(s, (struct gw_time){0}, &why), GW_EFULL);
    assert_string_equal(why.text, "medium full");
    assert_int_equal(gw_store_staged(s), 1);
    put(s, "a", "2");
    full = false;
    assert_int_equal(gw_store_commit(s, gw_store_retry(s), &why), 0);
    assert_int_equal(gw_store_staged(s), 0);
    assert_string_equal(look(s, "a").value, "2");
    assert_int_equal(gw_store_retry(s).ns, GW_NEVER.ns);
    gw_store_close(s);
}

/* Each try costs as much as all that is staged. */
static void test_failed_batch_is_tried_less_and_less(void **state)
{
    (void)state;
    struct gw_store_ops ops = gw_store_memory;
    struct gw_store_why why;
    ops.put = full_put;
    struct gw_store *s = open_ok(&ops, "");
    full = true;
    tries = 0;
    for (int64_t ms = 0; ms < 60000; ms++) { /* a batch each millisecond for a minute */
        put(s, "a", "1");
        int err = gw_store_commit(s, GW_MSEC(ms), &why);
        assert_true(err == GW_EFULL || err == GW_EAGAIN);
        assert_true(gw_store_retry(s).ns > GW_MSEC(ms).ns);
        assert_true(gw_store_retry(s).ns <= GW_MSEC(ms).ns + GW_STORE_RETRY_MAX.ns);
    }
    assert_in_range(tries, 60 / 4, 25);
    full = false;
    struct gw_time due = gw_store_retry(s);
    assert_int_equal(gw_store_commit(s, (struct gw_time){due.ns - 1}, &why), GW_EAGAIN);
    assert_int_equal(gw_store_commit(s, due, &why), 0);
    full = true; /* another failure begins anew */
    put(s, "b", "1");
    assert_int_equal(gw_store_commit(s, due, &why), GW_EFULL);
    assert_int_equal(gw_store_retry(s).ns, due.ns + GW_STORE_RETRY_MIN.ns);
    full = false;
    commit(s); /* who has no later does not wait */
    gw_store_close(s);
}

static void test_staging_is_bounded(void **state)
{
    (void)state;
    struct gw_store *s = open_ok(&gw_store_memory, "");
    size_t size = 1 << 20, n = 0;
    char *value = calloc(1, size);
    while (gw_store_put(s, "k", 1, value, size) == 0)
        n++;
    assert_int_equal(gw_store_put(s, "k", 1, value, size), GW_EFULL);
    assert_in_range(n, 60, 64);
    free(value);
    gw_store_close(s);
}

struct failing {
    long left; /* allocations that still succeed */
};

static void *failing_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct failing *f = user;
    if (size > 0 && f->left-- <= 0)
        return NULL;
    return gw_alloc_libc.resize(gw_alloc_libc.user, ptr, old_size, size);
}

static void try_with(long allocations, bool *done)
{
    struct failing f = {allocations};
    struct gw_alloc al = {failing_resize, &f};
    struct gw_store *s = NULL;
    struct gw_store_why why;
    if (gw_store_open(&gw_store_memory, "", &al, &s, &why) < 0)
        return;
    int err = gw_store_put(s, "key", 3, "value", 5);
    if (err == 0)
        err = gw_store_commit(s, (struct gw_time){0}, &why);
    *done = err == 0;
    if (err < 0) {
        assert_int_equal(err, GW_ENOMEM);
        f.left = 100;
        if (gw_store_staged(s) > 0)
            commit(s);
    }
    gw_store_close(s);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    bool done = false;
    long n = 0;
    for (; !done && n < 50; n++)
        try_with(n, &done);
    assert_true(done);
    assert_true(n > 4); /* so several places have failed */
}

static int open_fails(const char *where, struct gw_store_why *why)
{
    struct gw_store *s = NULL;
    int err = gw_store_open(&gw_store_lmdb, where, &gw_alloc_libc, &s, why);
    assert_null(s);
    return err;
}

static void test_unusable_directories(void **state)
{
    (void)state;
    struct gw_store_why why;
    assert_int_equal(open_fails("/dev/null/state", &why), GW_ESYS);
    assert_non_null(strstr(why.text, "/dev/null/state: cannot create the directory: Not a dir"));
    assert_int_equal(open_fails("/proc/self", &why), GW_ESYS);
    assert_non_null(strstr(why.text, "/proc/self: cannot be written"));
    assert_int_equal(open_fails("", &why), GW_EINVAL);
}

static void test_second_opener_is_refused(void **state)
{
    (void)state;
    struct dir d = dir_make();
    struct gw_store_why why;
    struct gw_store *s = open_ok(&gw_store_lmdb, d.path);
    assert_int_equal(open_fails(d.path, &why), GW_EEXIST);
    assert_non_null(strstr(why.text, "another process"));
    gw_store_close(s);
    gw_store_close(open_ok(&gw_store_lmdb, d.path));
    dir_remove(&d);
}

/* Writes over the file from an offset, or cuts it there when data is NULL. */
static void damage(const struct dir *d, off_t at, const void *data, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", d->path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (data != NULL)
        assert_int_equal(pwrite(fd, data, len, at), len);
    else
        assert_int_equal(ftruncate(fd, at), 0);
    close(fd);
}

static void fill(const char *where)
{
    struct gw_store *s = open_ok(&gw_store_lmdb, where);
    char key[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        put(s, key, "a value that makes the tree need several pages");
    }
    commit(s);
    gw_store_close(s);
}

static void test_corrupt_file(void **state)
{
    (void)state;
    struct dir d = dir_make();
    struct gw_store_why why;
    char junk[8192];
    memset(junk, 0xa5, sizeof junk);
    fill(d.path);
    damage(&d, 0, junk, sizeof junk);
    assert_int_equal(open_fails(d.path, &why), GW_EFORMAT);
    assert_non_null(strstr(why.text, "move the directory away"));
    dir_remove(&d);
}

static void test_cut_file(void **state)
{
    (void)state;
    struct dir d = dir_make();
    struct gw_store_why why = {""};
    struct gw_store *s = NULL;
    struct seen seen = {.want_key = ""};
    fill(d.path);
    damage(&d, 3 * 4096, NULL, 0);
    int err = gw_store_open(&gw_store_lmdb, d.path, &gw_alloc_libc, &s, &why);
    if (err == 0)
        err = gw_store_load(s, note, &seen, &why);
    gw_store_close(s);
    assert_int_equal(err, GW_EFORMAT);
    dir_remove(&d);
}

static void test_other_schema(void **state)
{
    (void)state;
    struct dir d = dir_make();
    struct gw_store_why why;
    fill(d.path);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    uint32_t next = GW_STORE_SCHEMA + 1;
    MDB_val key = {6, (void *)(uintptr_t) "schema"}, val = {sizeof next, &next};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, d.path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    assert_int_equal(mdb_put(txn, meta, &key, &val, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(open_fails(d.path, &why), GW_EVERSION);
    assert_non_null(strstr(why.text, "schema version 2, this program has 1"));
    dir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_memory),
        cmocka_unit_test(test_batches_lmdb),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_failed_batch_is_tried_again),
        cmocka_unit_test(test_failed_batch_is_tried_less_and_less),
        cmocka_unit_test(test_staging_is_bounded),
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_unusable_directories),
        cmocka_unit_test(test_second_opener_is_refused),
        cmocka_unit_test(test_corrupt_file),
        cmocka_unit_test(test_cut_file),
        cmocka_unit_test(test_other_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
