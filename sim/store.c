/* store.c: a disk for a node's records: what is committed survives the process, what is synced
 * survives the machine, and a commit fails while the disk is full. How long a commit takes is
 * node.c's business.
 *
 * A record that has been committed since the last sync has beside its value the one that a power
 * failure brings back.
 */
#include "sim.h"

#include <stdlib.h>

struct octets {
    size_t len;
    uint8_t *data; /* NULL: there is none */
};
struct name {
    size_t len;
    const uint8_t *data;
};
struct record {
    struct record *next; /* of those not synced */
    bool unsynced;
    struct octets value, synced;
    struct name key; /* its octets follow */
};
struct op {
    struct op *next;
    struct octets value; /* none: delete */
    struct name key;     /* its octets follow */
};
struct sim_disk {
    struct sim_pool *pool;
    struct gw_table records;
    struct op *staged, **staged_last;
    struct record *unsynced;
    bool full;
};

static uint64_t key_hash(const void *key, uint64_t seed)
{
    const struct name *k = key;
    return gw_hash(k->data, k->len, seed);
}

static bool key_eq(const void *key, const void *obj)
{
    const struct name *k = key;
    const struct record *r = obj;
    return k->len == r->key.len && memcmp(k->data, r->key.data, k->len) == 0;
}

static const void *record_key(const void *obj)
{
    return &((const struct record *)obj)->key;
}

static const struct gw_table_ops record_ops = {.hash = key_hash, .eq = key_eq, .key = record_key};

static struct octets copy(struct sim_disk *d, const void *data, size_t len)
{
    struct octets o = {len, sim_get(d->pool, len + 1)};
    memcpy(o.data, data, len);
    return o;
}

static void drop(struct sim_disk *d, struct octets *o)
{
    if (o->data != NULL)
        sim_put(d->pool, o->data, o->len + 1);
    *o = (struct octets){0};
}

/* An object with a key behind it. */
static void *with_key(struct sim_disk *d, size_t size, const void *key, size_t len,
                      struct name *name)
{
    uint8_t *p = sim_get(d->pool, size + len);

    memcpy(p + size, key, len);
    *name = (struct name){len, p + size};
    return p;
}

struct sim_disk *sim_disk_new(struct sim_pool *pool)
{
    struct sim_disk *d = sim_new_memory(sizeof *d);

    d->pool = pool;
    gw_table_init(&d->records, &pool->al, &record_ops, 0, 0);
    d->staged_last = &d->staged;
    return d;
}

static void remove_record(struct sim_disk *d, struct record *r)
{
    (void)gw_table_del(&d->records, &r->key);
    drop(d, &r->value);
    drop(d, &r->synced);
    sim_put(d->pool, r, sizeof *r + r->key.len);
}

static struct record *record_of(struct sim_disk *d, const struct name *key)
{
    struct record *r = gw_table_get(&d->records, key);
    struct name name;

    if (r != NULL)
        return r;
    r = with_key(d, sizeof *r, key->data, key->len, &name);
    *r = (struct record){.key = name};
    if (gw_table_put(&d->records, r) != 0)
        abort();
    return r;
}

/* Takes the value over. */
static void put(struct sim_disk *d, const struct name *key, struct octets value)
{
    struct record *r = record_of(d, key);

    if (r->unsynced) {
        drop(d, &r->value);
    } else {
        r->unsynced = true;
        r->synced = r->value;
        r->next = d->unsynced;
        d->unsynced = r;
    }
    r->value = value;
}

static int disk_open(const char *where, const struct gw_alloc *al, void **self,
                     struct gw_store_why *why)
{
    (void)al;
    (void)why;
    const void *disk = where; /* store.h hands over a name; here it is the disk itself */
    memcpy(self, &disk, sizeof *self);
    return 0;
}

static void stage(struct sim_disk *d, const void *key, size_t key_len, struct octets value)
{
    struct name name;
    struct op *o = with_key(d, sizeof *o, key, key_len, &name);

    *o = (struct op){.key = name, .value = value};
    *d->staged_last = o;
    d->staged_last = &o->next;
}

static int disk_put(void *self, const void *key, size_t key_len, const void *value,
                    size_t value_len, struct gw_store_why *why)
{
    (void)why;
    stage(self, key, key_len, copy(self, value, value_len));
    return 0;
}

static int disk_del(void *self, const void *key, size_t key_len, struct gw_store_why *why)
{
    (void)why;
    stage(self, key, key_len, (struct octets){0});
    return 0;
}

static void disk_abort(void *self)
{
    struct sim_disk *d = self;

    for (struct op *o = d->staged; o != NULL; o = d->staged) {
        d->staged = o->next;
        drop(d, &o->value);
        sim_put(d->pool, o, sizeof *o + o->key.len);
    }
    d->staged_last = &d->staged;
}

static int disk_commit(void *self, struct gw_store_why *why)
{
    struct sim_disk *d = self;

    if (d->full) {
        disk_abort(d);
        strcpy(why->text, "the simulated disk is full");
        return GW_EFULL;
    }
    for (struct op *o = d->staged; o != NULL; o = d->staged) {
        d->staged = o->next;
        put(d, &o->key, o->value);
        sim_put(d->pool, o, sizeof *o + o->key.len);
    }
    d->staged_last = &d->staged;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct record *const *x = a, *const *y = b;
    size_t len = (*x)->key.len < (*y)->key.len ? (*x)->key.len : (*y)->key.len;
    int c = memcmp((*x)->key.data, (*y)->key.data, len);

    return c != 0 ? c : (int)(*x)->key.len - (int)(*y)->key.len;
}

static int disk_load(void *self, gw_store_visit *visit, void *user, struct gw_store_why *why)
{
    struct sim_disk *d = self;
    size_t n = gw_table_count(&d->records), used = 0;
    struct record **all = sim_new_memory((n + 1) * sizeof(struct record *)), *r;
    int err = 0;

    (void)why;
    for (size_t i = 0; (r = gw_table_next(&d->records, &i)) != NULL;)
        if (r->value.data != NULL)
            all[used++] = r;
    qsort(all, used, sizeof(struct record *), by_key); /* as LMDB does */
    for (size_t i = 0; i < used && err == 0; i++)
        err = visit(user, all[i]->key.data, all[i]->key.len, all[i]->value.data, all[i]->value.len);
    free(all);
    return err;
}

/* Each record is one or the other from now on: as committed, or as it was synced last. */
static void settle(struct sim_disk *d, bool as_synced)
{
    for (struct record *r = d->unsynced; r != NULL; r = d->unsynced) {
        d->unsynced = r->next;
        drop(d, as_synced ? &r->value : &r->synced);
        if (as_synced)
            r->value = r->synced;
        r->synced = (struct octets){0};
        r->unsynced = false;
        if (r->value.data == NULL)
            remove_record(d, r);
    }
}

static int disk_sync(void *self, struct gw_store_why *why)
{
    (void)why;
    settle(self, false);
    return 0;
}

static void disk_close(void *self)
{
    disk_abort(self);
}

const struct gw_store_ops sim_disk_ops = {
    .name = "simulated",
    .open = disk_open,
    .put = disk_put,
    .del = disk_del,
    .commit = disk_commit,
    .abort = disk_abort,
    .load = disk_load,
    .sync = disk_sync,
    .close = disk_close,
};

void sim_disk_power(struct sim_disk *d)
{
    settle(d, true);
}

void sim_disk_full(struct sim_disk *d, bool full)
{
    d->full = full;
}

bool sim_disk_is_full(const struct sim_disk *d)
{
    return d->full;
}

const uint8_t *sim_disk_get(const struct sim_disk *d, const uint8_t *key, size_t key_len,
                            size_t *len)
{
    uint8_t copied[GW_RECORD_KEY_MAX];
    struct octets k = {key_len, copied};

    memcpy(copied, key, key_len);
    const struct record *r = gw_table_get(&d->records, &k);
    if (r == NULL)
        return NULL;
    *len = r->value.len;
    return r->value.data;
}

size_t sim_disk_count(const struct sim_disk *d, uint8_t first)
{
    const struct record *r;
    size_t n = 0;

    for (size_t i = 0; (r = gw_table_next(&d->records, &i)) != NULL;)
        n += r->value.data != NULL && r->key.len > 0 && r->key.data[0] == first;
    return n;
}

void sim_disk_free(struct sim_disk *d)
{
    struct record *r;

    for (size_t i = 0; (r = gw_table_next(&d->records, &i)) != NULL;)
        remove_record(d, r);
    gw_table_free(&d->records);
    free(d);
}
