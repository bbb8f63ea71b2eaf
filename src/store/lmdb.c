/* lmdb.c: records in an LMDB environment in a directory of the node's own.
 *
 * Durability. Commits use MDB_NOSYNC: they write to the page cache (data pages first, then one
 * meta page), so a killed process loses nothing committed and a half-done commit is invisible,
 * and no fsync stands between an attachment and its PBU. MDB_WRITEMAP would save the write calls
 * but let a stray pointer damage the file.
 *
 * Power failures. The medium may get un-synced pages in any order, and any subset of them: LMDB's
 * newest meta page may be there without what it points to. So a sync takes a checkpoint: the meta
 * page of the newest state, written to a file of its own once all pages of that state are on the
 * medium. A read transaction keeps the pages of the last checkpoint from being used again until the
 * next one is on the medium. When the machine has been booted since (the page cache is gone),
 * opening goes back to the checkpoint; else the file is as the last process left it.
 *
 * A file cut short would be a bus error when read through the map, so it is extended with zeros
 * at open: reading them is then an ordinary "corrupt". One process at a time, by flock.
 */
#include "store/store.h"

#include "store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Address space, not memory or disk: LMDB's bound on the file. */
#define MAP_SIZE ((size_t)16 << 30)
static const char SCHEMA_KEY[] = "schema";

struct lmdb {
    const struct gw_alloc *al;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi records;
    int lock_fd, ckpt_fd;
    MDB_txn *pinned;        /* keeps the pages of the last checkpoint */
    uint64_t ckpt_seq;      /* of the last checkpoint */
    pthread_mutex_t commit; /* a commit, and the look at its meta page */
    char dir[PATH_MAX];
};

static int explain(const struct lmdb *l, int rc, const char *doing, struct gw_store_why *why)
{
    snprintf(why->text, sizeof why->text, "%.400s: %s: %s", l->dir, doing, mdb_strerror(rc));
    switch (rc) {
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_VERSION_MISMATCH:
        snprintf(why->text, sizeof why->text,
                 "%.380s: %s: %s; move the directory away to start with an empty store", l->dir,
                 doing, mdb_strerror(rc));
        return GW_EFORMAT;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return GW_EFULL;
    case ENOMEM:
        return GW_ENOMEM;
    default:
        errno = rc > 0 ? rc : EIO;
        return GW_ESYS;
    }
}

/* mkdir -p, private to the daemon: the store tells who was where. */
static int make_dirs(struct lmdb *l)
{
    for (char *p = l->dir + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int rc = mkdir(l->dir, 0755);
        *p = '/';
        if (rc < 0 && errno != EEXIST)
            return errno;
    }
    return mkdir(l->dir, 0700) < 0 && errno != EEXIST ? errno : 0;
}

static int take_lock(struct lmdb *l, struct gw_store_why *why)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/in-use", l->dir);
    l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->lock_fd < 0)
        return explain(l, errno, "cannot be written", why);
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    snprintf(why->text, sizeof why->text, "%.400s: another process is using it", l->dir);
    return GW_EEXIST;
}

static int extend_cut_file(struct lmdb *l)
{
    MDB_envinfo info;
    MDB_stat st;
    mdb_filehandle_t fd;
    struct stat file;
    mdb_env_info(l->env, &info);
    mdb_env_stat(l->env, &st);
    mdb_env_get_fd(l->env, &fd);
    if (fstat(fd, &file) < 0)
        return errno;
    off_t want = (off_t)((info.me_last_pgno + 1) * st.ms_psize);
    return file.st_size < want && ftruncate(fd, want) < 0 ? errno : 0;
}

static int checkpoint_failed(const struct lmdb *l, int err, struct gw_store_why *why)
{
    return explain(l, err == GW_EFORMAT ? MDB_INVALID : errno, "checkpoint", why);
}

static int go_back(struct lmdb *l, const struct gw_ckpt *c)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data.mdb", l->dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return GW_ESYS;
    int err = gw_ckpt_restore(fd, c), saved = errno;
    close(fd);
    errno = saved;
    return err;
}

/* Before the database is opened. */
static int open_checkpoint(struct lmdb *l, struct gw_store_why *why)
{
    char path[PATH_MAX + 16], boot[48];
    struct gw_ckpt c;
    snprintf(path, sizeof path, "%s/checkpoint", l->dir);
    l->ckpt_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->ckpt_fd < 0)
        return checkpoint_failed(l, GW_ESYS, why);
    int err = gw_ckpt_read(l->ckpt_fd, &c);
    if (err == GW_ENOENT)
        return 0; /* a new directory, or one of before there were checkpoints */
    gw_ckpt_boot(boot);
    if (err == 0 && (boot[0] == '\0' || memcmp(boot, c.boot, sizeof boot) != 0))
        err = go_back(l, &c);
    if (err < 0)
        return checkpoint_failed(l, err, why);
    l->ckpt_seq = c.seq;
    return 0;
}

static int open_env(struct lmdb *l, struct gw_store_why *why)
{
    int rc = mdb_env_create(&l->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(l->env, MAP_SIZE);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(l->env, 2);
    if (rc == 0)
        rc = mdb_env_open(l->env, l->dir, MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = extend_cut_file(l);
    return rc == 0 ? 0 : explain(l, rc, "cannot open the database", why);
}

/* The schema record is written together with the first records' table, so that a directory either
 * has both or is new. */
static int check_schema(struct lmdb *l, MDB_txn *txn, struct gw_store_why *why)
{
    MDB_dbi meta;
    uint32_t mine = GW_STORE_SCHEMA, theirs = 0;
    MDB_val key = {sizeof SCHEMA_KEY - 1, (void *)(uintptr_t)SCHEMA_KEY}, val;
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta);
    if (rc == 0)
        rc = mdb_get(txn, meta, &key, &val);
    if (rc == MDB_NOTFOUND) {
        val = (MDB_val){sizeof mine, &mine};
        rc = mdb_put(txn, meta, &key, &val, 0);
        return rc == 0 ? 0 : explain(l, rc, "cannot write the schema version", why);
    }
    if (rc != 0)
        return explain(l, rc, "cannot read the schema version", why);
    if (val.mv_size == sizeof theirs)
        memcpy(&theirs, val.mv_data, sizeof theirs);
    if (theirs == mine)
        return 0;
    snprintf(why->text, sizeof why->text,
             "%.380s: written with schema version %u, this program has %u", l->dir, theirs, mine);
    return GW_EVERSION;
}

static int open_tables(struct lmdb *l, struct gw_store_why *why)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (rc != 0)
        return explain(l, rc, "cannot begin a transaction", why);
    int err = check_schema(l, txn, why);
    if (err == 0 && (rc = mdb_dbi_open(txn, "records", MDB_CREATE, &l->records)) != 0)
        err = explain(l, rc, "cannot open the records", why);
    if (err < 0) {
        mdb_txn_abort(txn);
        return err;
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? 0 : explain(l, rc, "cannot commit", why);
}

/* The newest state: a read transaction that keeps it, and its meta page. */
static int take_state(struct lmdb *l, MDB_txn **txn, struct gw_ckpt *c, struct gw_store_why *why)
{
    MDB_stat st;
    mdb_filehandle_t fd;
    mdb_env_stat(l->env, &st);
    mdb_env_get_fd(l->env, &fd);
    pthread_mutex_lock(&l->commit);
    int err = 0, rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, txn);
    if (rc == 0)
        err = gw_ckpt_take(fd, st.ms_psize, mdb_txn_id(*txn), c);
    pthread_mutex_unlock(&l->commit);
    if (rc != 0) {
        *txn = NULL;
        return explain(l, rc, "cannot begin a transaction", why);
    }
    return err < 0 ? checkpoint_failed(l, err, why) : 0;
}

static int lmdb_sync(void *self, struct gw_store_why *why)
{
    struct lmdb *l = self;
    MDB_txn *txn = NULL;
    struct gw_ckpt c = {.seq = l->ckpt_seq + 1};
    gw_ckpt_boot(c.boot);
    int rc = 0, err = take_state(l, &txn, &c, why);
    if (err == 0 && (rc = mdb_env_sync(l->env, 1)) != 0)
        err = explain(l, rc, "cannot sync", why);
    if (err == 0 && gw_ckpt_write(l->ckpt_fd, &c) < 0)
        err = checkpoint_failed(l, GW_ESYS, why);
    if (err < 0) {
        if (txn != NULL)
            mdb_txn_abort(txn);
        return err;
    }
    if (l->pinned != NULL)
        mdb_txn_abort(l->pinned);
    l->pinned = txn;
    l->ckpt_seq = c.seq;
    return 0;
}

static void lmdb_close(void *self)
{
    struct lmdb *l = self;
    if (l->txn != NULL)
        mdb_txn_abort(l->txn);
    if (l->pinned != NULL)
        mdb_txn_abort(l->pinned);
    if (l->env != NULL)
        mdb_env_close(l->env);
    if (l->ckpt_fd >= 0)
        close(l->ckpt_fd);
    pthread_mutex_destroy(&l->commit);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    gw_free(l->al, l, sizeof *l);
}

static int lmdb_open(const char *where, const struct gw_alloc *al, void **self,
                     struct gw_store_why *why)
{
    if (*where == '\0' || strlen(where) >= PATH_MAX - 32) {
        strcpy(why->text, "the name of the state directory is empty or too long");
        return GW_EINVAL;
    }
    struct lmdb *l = gw_new(al, sizeof *l);
    if (l == NULL) {
        strcpy(why->text, "out of memory");
        return GW_ENOMEM;
    }
    l->al = al;
    l->lock_fd = l->ckpt_fd = -1;
    pthread_mutex_init(&l->commit, NULL);
    memcpy(l->dir, where, strlen(where) + 1);
    int rc = make_dirs(l);
    int err = rc == 0 ? take_lock(l, why) : explain(l, rc, "cannot create the directory", why);
    if (err == 0)
        err = open_checkpoint(l, why);
    if (err == 0)
        err = open_env(l, why);
    if (err == 0)
        err = open_tables(l, why);
    if (err == 0)
        err = lmdb_sync(l, why);
    if (err < 0) {
        int saved = errno;
        lmdb_close(l);
        errno = saved;
        return err;
    }
    *self = l;
    return 0;
}

static int begin(struct lmdb *l, struct gw_store_why *why)
{
    if (l->txn != NULL)
        return 0;
    int rc = mdb_txn_begin(l->env, NULL, 0, &l->txn);
    if (rc == 0)
        return 0;
    l->txn = NULL;
    return explain(l, rc, "cannot begin a transaction", why);
}

static int lmdb_put(void *self, const void *key, size_t key_len, const void *value,
                    size_t value_len, struct gw_store_why *why)
{
    struct lmdb *l = self;
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {value_len, (void *)(uintptr_t)value};
    int rc, err = begin(l, why);
    if (err == 0 && (rc = mdb_put(l->txn, l->records, &k, &v, 0)) != 0)
        err = explain(l, rc, "cannot write a record", why);
    return err;
}

static int lmdb_del(void *self, const void *key, size_t key_len, struct gw_store_why *why)
{
    struct lmdb *l = self;
    MDB_val k = {key_len, (void *)(uintptr_t)key};
    int err = begin(l, why);
    if (err < 0)
        return err;
    int rc = mdb_del(l->txn, l->records, &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : explain(l, rc, "cannot delete a record", why);
}

static int lmdb_commit(void *self, struct gw_store_why *why)
{
    struct lmdb *l = self;
    pthread_mutex_lock(&l->commit);
    int rc = l->txn != NULL ? mdb_txn_commit(l->txn) : 0;
    pthread_mutex_unlock(&l->commit);
    l->txn = NULL;
    return rc == 0 ? 0 : explain(l, rc, "cannot commit", why);
}

static void lmdb_abort(void *self)
{
    struct lmdb *l = self;
    if (l->txn != NULL)
        mdb_txn_abort(l->txn);
    l->txn = NULL;
}

static int walk(struct lmdb *l, MDB_txn *txn, gw_store_visit *visit, void *user,
                struct gw_store_why *why)
{
    MDB_cursor *cur = NULL;
    MDB_val k, v;
    int err = 0, rc = mdb_cursor_open(txn, l->records, &cur);
    while (rc == 0 && err == 0 && (rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) == 0)
        err = visit(user, k.mv_data, k.mv_size, v.mv_data, v.mv_size);
    if (cur != NULL)
        mdb_cursor_close(cur);
    if (rc != 0 && rc != MDB_NOTFOUND)
        err = explain(l, rc, "cannot read the records", why);
    return err;
}

static int lmdb_load(void *self, gw_store_visit *visit, void *user, struct gw_store_why *why)
{
    struct lmdb *l = self;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return explain(l, rc, "cannot begin a transaction", why);
    int err = walk(l, txn, visit, user, why);
    mdb_txn_abort(txn);
    return err;
}

const struct gw_store_ops gw_store_lmdb = {
    .name = "lmdb",
    .open = lmdb_open,
    .put = lmdb_put,
    .del = lmdb_del,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .load = lmdb_load,
    .sync = lmdb_sync,
    .close = lmdb_close,
};
