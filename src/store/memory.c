/* memory.c: the store of a node whose state need not outlive its process: tests and the simulator.
 * Operations take effect as they come; the only failure is a refused allocation, and then the
 * front hands over the whole batch again, which completes it: each operation is the whole new
 * state of its key.
 */
#include "base/table.h"
#include "store/store.h"

struct key {
    size_t len;
    const void *data;
};
struct record {
    struct key key; /* points behind the record */
    size_t value_len, size;
    uint8_t data[]; /* key, value */
};
struct memory {
    const struct gw_alloc *al;
    struct gw_table records;
};

static uint64_t key_hash(const void *key, uint64_t seed)
{
    const struct key *k = key;
    return gw_hash(k->data, k->len, seed);
}

static bool key_eq(const void *key, const void *obj)
{
    const struct key *k = key;
    const struct record *r = obj;
    return k->len == r->key.len && memcmp(k->data, r->key.data, k->len) == 0;
}

static const void *record_key(const void *obj)
{
    return &((const struct record *)obj)->key;
}

static const struct gw_table_ops record_ops = {.hash = key_hash, .eq = key_eq, .key = record_key};

static int memory_open(const char *where, const struct gw_alloc *al, void **self,
                       struct gw_store_why *why)
{
    (void)where;
    struct memory *m = gw_new(al, sizeof *m);
    if (m == NULL) {
        strcpy(why->text, "out of memory");
        return GW_ENOMEM;
    }
    m->al = al;
    gw_table_init(&m->records, al, &record_ops, 0, 0);
    *self = m;
    return 0;
}

static int memory_del(void *self, const void *key, size_t key_len, struct gw_store_why *why)
{
    (void)why;
    struct memory *m = self;
    struct record *r = gw_table_del(&m->records, &(struct key){key_len, key});
    if (r != NULL)
        gw_free(m->al, r, r->size);
    return 0;
}

static struct record *record_new(struct memory *m, const void *key, size_t key_len,
                                 const void *value, size_t value_len)
{
    size_t size = sizeof(struct record) + key_len + value_len;
    struct record *r = gw_new(m->al, size);
    if (r == NULL)
        return NULL;
    *r = (struct record){.key = {key_len, r->data}, .value_len = value_len, .size = size};
    memcpy(r->data, key, key_len);
    if (value_len > 0)
        memcpy(r->data + key_len, value, value_len);
    return r;
}

static int memory_put(void *self, const void *key, size_t key_len, const void *value,
                      size_t value_len, struct gw_store_why *why)
{
    struct memory *m = self;
    struct record *r = record_new(m, key, key_len, value, value_len);
    if (r == NULL)
        goto out;
    memory_del(self, key, key_len, why);
    if (gw_table_put(&m->records, r) == 0)
        return 0;
    gw_free(m->al, r, r->size);
out:
    strcpy(why->text, "out of memory");
    return GW_ENOMEM;
}

static int memory_commit(void *self, struct gw_store_why *why)
{
    (void)self;
    (void)why;
    return 0;
}

static void memory_abort(void *self)
{
    (void)self;
}

static int memory_load(void *self, gw_store_visit *visit, void *user, struct gw_store_why *why)
{
    (void)why;
    struct memory *m = self;
    const struct record *r;
    int err = 0;
    for (size_t i = 0; err == 0 && (r = gw_table_next(&m->records, &i)) != NULL;)
        err = visit(user, r->key.data, r->key.len, r->data + r->key.len, r->value_len);
    return err;
}

static void memory_close(void *self)
{
    struct memory *m = self;
    struct record *r;
    for (size_t i = 0; (r = gw_table_next(&m->records, &i)) != NULL;)
        gw_free(m->al, r, r->size);
    gw_table_free(&m->records);
    gw_free(m->al, m, sizeof *m);
}

const struct gw_store_ops gw_store_memory = {
    .name = "memory",
    .open = memory_open,
    .put = memory_put,
    .del = memory_del,
    .commit = memory_commit,
    .abort = memory_abort,
    .load = memory_load,
    .sync = memory_commit,
    .close = memory_close,
};
