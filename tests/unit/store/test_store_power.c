/* test_store_power.c: power failures. Every write of the database file between two syncs is
 * recorded; a disk after the failure has, for each page, any of the versions it had since the
 * sync before last, in no order. Opened by another boot, each such disk must hold one of the
 * states that had been synced, whole; opened as after `kill -9`, the newest commit.
 */
#include "store/checkpoint.h"
#include "store/store.h"

#include "base/prng.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE     ((size_t)4096)
#define VERSIONS 24  /* commits between syncs */
#define KEYS     300 /* several leaf pages; a commit changes some of them */
#define DISKS    40
#define CYCLES   5

struct image {
    uint8_t *data;
    size_t pages;
};

struct found {
    size_t count;
    uint32_t stamp; /* of the key that every commit writes */
    uint64_t sum;
};

static char live[64], disk[64];

static void in_dir(char out[128], const char *dir, const char *name)
{
    snprintf(out, 128, "%s/%s", dir, name);
}

static struct image capture(void)
{
    char path[128];
    struct stat st = {0};
    in_dir(path, live, "data.mdb");
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    struct image im = {calloc(1, (size_t)st.st_size + PAGE), (size_t)st.st_size / PAGE};
    assert_non_null(im.data);
    assert_int_equal(pread(fd, im.data, im.pages * PAGE, 0), (ssize_t)(im.pages * PAGE));
    close(fd);
    return im;
}

static int sum_up(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct found *f = user;
    uint32_t k = 0, v = 0;
    assert_int_equal(key_len, sizeof k);
    assert_true(value_len >= sizeof v);
    memcpy(&k, key, sizeof k);
    memcpy(&v, value, sizeof v);
    if (k == 0)
        f->stamp = v;
    f->count++;
    f->sum += (uint64_t)(k + 1) * 2654435761u * (v + 1);
    return 0;
}

static struct found look(struct gw_store *s)
{
    struct found f = {0};
    struct gw_store_why why = {""};
    if (gw_store_load(s, sum_up, &f, &why) < 0)
        fail_msg("%s", why.text);
    return f;
}

/* Key 0 and a few others; values are long, so that leaves split and pages come free. */
static void change(struct gw_store *s, struct gw_prng *rnd, uint32_t stamp)
{
    uint32_t value[40] = {stamp};
    struct gw_store_why why = {""};
    for (uint32_t i = 0, key = 0; i < 8; i++, key = (uint32_t)gw_prng_below(rnd, KEYS))
        assert_int_equal(gw_store_put(s, &key, sizeof key, value, sizeof value), 0);
    assert_int_equal(gw_store_commit(s, GW_NEVER, &why), 0);
}

/* A disk: for each page one of the versions; what an older and shorter file has not is zero. */
static void make_disk(struct gw_prng *rnd, const struct image *im, size_t n)
{
    static const uint8_t zeros[PAGE];
    char path[128];
    in_dir(path, disk, "data.mdb");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    for (size_t page = 0; page < im[n - 1].pages; page++) {
        const struct image *v = &im[gw_prng_below(rnd, n)];
        const uint8_t *from = page < v->pages ? v->data + page * PAGE : zeros;
        assert_int_equal(pwrite(fd, from, PAGE, (off_t)(page * PAGE)), (ssize_t)PAGE);
    }
    close(fd);
}

/* boot: NULL for the running one. */
static void put_checkpoint(struct gw_ckpt c, const char *boot)
{
    char path[128];
    in_dir(path, disk, "checkpoint");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    if (boot != NULL)
        snprintf(c.boot, sizeof c.boot, "%s", boot);
    assert_int_equal(gw_ckpt_write(fd, &c), 0);
    close(fd);
}

static struct gw_ckpt checkpoint_of_live(void)
{
    char path[128];
    struct gw_ckpt c;
    in_dir(path, live, "checkpoint");
    int fd = open(path, O_RDONLY);
    assert_int_equal(gw_ckpt_read(fd, &c), 0);
    close(fd);
    return c;
}

static struct found open_disk(void)
{
    struct gw_store *s = NULL;
    struct gw_store_why why = {""};
    if (gw_store_open(&gw_store_lmdb, disk, &gw_alloc_libc, &s, &why) < 0)
        fail_msg("%s", why.text);
    struct found f = look(s);
    gw_store_close(s);
    return f;
}

static void same(struct found a, struct found b)
{
    assert_int_equal(a.stamp, b.stamp);
    assert_int_equal(a.count, b.count);
    assert_true(a.sum == b.sum);
}

static void clear(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "in-use", "checkpoint"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        in_dir(path, dir, files[i]);
        unlink(path);
    }
}

/* One stretch between syncs: the state at its begin is what must be found. */
static void cycle(struct gw_store *s, struct gw_prng *rnd, uint32_t *stamp)
{
    struct image im[VERSIONS + 1];
    struct gw_store_why why = {""};
    assert_int_equal(gw_store_sync(s, &why), 0);
    const struct found synced = look(s);
    const struct gw_ckpt at = checkpoint_of_live();
    im[0] = capture();
    for (size_t n = 1; n <= VERSIONS; n++) {
        change(s, rnd, ++*stamp);
        im[n] = capture();
        for (int i = 0; i < DISKS / VERSIONS + 1; i++) {
            clear(disk);
            make_disk(rnd, im, n + 1);
            put_checkpoint(at, "another boot");
            same(open_disk(), synced);
        }
    }
    clear(disk); /* the last version whole, and the same boot: a killed process */
    make_disk(rnd, im + VERSIONS, 1);
    put_checkpoint(at, NULL);
    same(open_disk(), look(s));
    assert_int_not_equal(look(s).stamp, synced.stamp);
    for (size_t n = 0; n <= VERSIONS; n++)
        free(im[n].data);
}

static void test_any_subset_of_unsynced_pages(void **state)
{
    struct gw_prng rnd;
    struct gw_store *s = NULL;
    struct gw_store_why why = {""};
    uint32_t stamp = 0;
    (void)state;
    gw_prng_seed(&rnd, 8885);
    strcpy(live, "/tmp/gw-power-XXXXXX");
    strcpy(disk, "/tmp/gw-power-XXXXXX");
    assert_true(mkdtemp(live) != NULL && mkdtemp(disk) != NULL);
    assert_int_equal(gw_store_open(&gw_store_lmdb, live, &gw_alloc_libc, &s, &why), 0);
    for (int i = 0; i < CYCLES; i++)
        cycle(s, &rnd, &stamp);
    gw_store_close(s);
    clear(live);
    clear(disk);
    rmdir(live);
    rmdir(disk);
}

static void test_torn_checkpoint(void **state)
{
    char path[] = "/tmp/gw-ckpt-XXXXXX";
    struct gw_ckpt a = {.seq = 6, .boot = "a"}, b = {.seq = 7, .boot = "b"}, found;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(gw_ckpt_read(fd, &found), GW_ENOENT);
    assert_int_equal(gw_ckpt_write(fd, &a), 0);
    assert_int_equal(gw_ckpt_write(fd, &b), 0);
    assert_int_equal(gw_ckpt_read(fd, &found), 0);
    assert_string_equal(found.boot, "b");
    assert_int_equal(pwrite(fd, "torn", 4, 4096 + 100), 4); /* the slot of an odd number */
    assert_int_equal(gw_ckpt_read(fd, &found), 0);
    assert_string_equal(found.boot, "a");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_subset_of_unsynced_pages),
        cmocka_unit_test(test_torn_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
