/* store.c: the front of the record store: stages the operations of a batch in memory and hands
 * them to the back end in one transaction. Staging apart from the transaction means that a full
 * disk loses nothing: the batch is tried again. Not with every commit that is asked for, because
 * each try costs as much as all that is staged: while the disk stays full that is more each time.
 * Leaves durability to the back ends (memory.c, lmdb.c), the meaning of records to the node, and
 * being called when the next try is due to the driver.
 */
#include "store/store.h"

/* One staged operation; key and value follow it in the buffer. */
struct op {
    uint32_t key_len, value_len;
    bool del;
};

struct gw_store {
    const struct gw_store_ops *ops;
    const struct gw_alloc *al;
    void *self;
    uint8_t *buf;
    size_t used, size, count;
    struct gw_time retry, wait; /* the last commit has failed: when to try again, after how long */
};

int gw_store_open(const struct gw_store_ops *ops, const char *where, const struct gw_alloc *al,
                  struct gw_store **out, struct gw_store_why *why)
{
    struct gw_store *s = gw_new(al, sizeof *s);
    if (s == NULL) {
        strcpy(why->text, "out of memory");
        return GW_ENOMEM;
    }
    s->ops = ops;
    s->al = al;
    s->retry = GW_NEVER;
    int err = ops->open(where, al, &s->self, why);
    if (err < 0) {
        gw_free(al, s, sizeof *s);
        return err;
    }
    *out = s;
    return 0;
}

void gw_store_close(struct gw_store *s)
{
    if (s == NULL)
        return;
    s->ops->close(s->self);
    gw_free(s->al, s->buf, s->size);
    gw_free(s->al, s, sizeof *s);
}

static int reserve(struct gw_store *s, size_t more)
{
    if (s->used + more <= s->size)
        return 0;
    if (s->used + more > GW_STORE_STAGED_MAX)
        return GW_EFULL;
    size_t size = s->size ? s->size : 4096;
    while (size < s->used + more)
        size *= 2;
    uint8_t *buf = s->al->resize(s->al->user, s->buf, s->size, size);
    if (buf == NULL)
        return GW_ENOMEM;
    s->buf = buf;
    s->size = size;
    return 0;
}

static int stage(struct gw_store *s, struct op op, const void *key, const void *value)
{
    if (op.key_len == 0 || op.key_len > GW_STORE_KEY_MAX)
        return GW_EINVAL;
    size_t need = sizeof op + op.key_len + op.value_len;
    int err = reserve(s, need);
    if (err < 0)
        return err;
    uint8_t *p = s->buf + s->used;
    memcpy(p, &op, sizeof op);
    memcpy(p + sizeof op, key, op.key_len);
    if (value != NULL && op.value_len > 0)
        memcpy(p + sizeof op + op.key_len, value, op.value_len);
    s->used += need;
    s->count++;
    return 0;
}

int gw_store_put(struct gw_store *s, const void *key, size_t key_len, const void *value,
                 size_t value_len)
{
    if (key_len > GW_STORE_KEY_MAX || value_len > GW_STORE_STAGED_MAX)
        return GW_EINVAL;
    struct op op = {.key_len = (uint32_t)key_len, .value_len = (uint32_t)value_len};
    return stage(s, op, key, value);
}

int gw_store_del(struct gw_store *s, const void *key, size_t key_len)
{
    if (key_len > GW_STORE_KEY_MAX)
        return GW_EINVAL;
    return stage(s, (struct op){.key_len = (uint32_t)key_len, .del = true}, key, NULL);
}

size_t gw_store_staged(const struct gw_store *s)
{
    return s->count;
}

static int hand_over(struct gw_store *s, struct gw_store_why *why)
{
    int err = 0;
    for (size_t at = 0; at < s->used && err == 0;) {
        struct op op;
        memcpy(&op, s->buf + at, sizeof op);
        const uint8_t *key = s->buf + at + sizeof op;
        if (op.del)
            err = s->ops->del(s->self, key, op.key_len, why);
        else
            err = s->ops->put(s->self, key, op.key_len, key + op.key_len, op.value_len, why);
        at += sizeof op + op.key_len + op.value_len;
    }
    return err;
}

static int try(struct gw_store *s, struct gw_store_why *why)
{
    int err = hand_over(s, why);
    if (err < 0) {
        s->ops->abort(s->self);
        return err;
    }
    return s->ops->commit(s->self, why);
}

static void back_off(struct gw_store *s, struct gw_time now)
{
    struct gw_time longer = {2 * s->wait.ns};
    if (s->retry.ns == GW_NEVER.ns)
        s->wait = GW_STORE_RETRY_MIN;
    else
        s->wait = gw_time_before(longer, GW_STORE_RETRY_MAX) ? longer : GW_STORE_RETRY_MAX;
    s->retry = gw_time_add(now, s->wait);
}

int gw_store_commit(struct gw_store *s, struct gw_time now, struct gw_store_why *why)
{
    if (s->count == 0)
        return 0;
    if (s->retry.ns != GW_NEVER.ns && gw_time_before(now, s->retry)) {
        strcpy(why->text, "the last commit has just failed");
        return GW_EAGAIN;
    }
    int err = try(s, why);
    if (err < 0) {
        back_off(s, now);
        return err;
    }
    s->used = s->count = 0;
    s->retry = GW_NEVER;
    return 0;
}

struct gw_time gw_store_retry(const struct gw_store *s)
{
    return s->retry;
}

int gw_store_load(struct gw_store *s, gw_store_visit *visit, void *user, struct gw_store_why *why)
{
    return s->ops->load(s->self, visit, user, why);
}

int gw_store_sync(struct gw_store *s, struct gw_store_why *why)
{
    return s->ops->sync(s->self, why);
}
