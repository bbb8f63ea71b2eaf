/* store.c: a disk for a node's records: what is committed survives the process, what is synced
 * survives the machine, and a commit fails while the disk is full. How long a commit takes is
 * node.c's business.
 *
 * Committed records are kept as they are; for a power failure each commit since the last sync has
 * left behind what it has overwritten.
 */
#include "sim.h"

#include <stdlib.h>

struct octets {
    size_t len;
    uint8_t *data;
};
struct record {
    struct octets key, value;
};
struct undo {
    struct undo *next;
    struct octets key, value; /* value.data NULL: there was none */
};
struct op {
    struct op *next;
    struct octets key, value; /* value.data NULL: delete */
};
struct sim_disk {
    struct gw_table records;
    struct op *staged, **staged_last;
    struct undo *undo; /* newest first */
    bool full;
};

static uint64_t key_hash(const void *key, uint64_t seed)
{
    const struct octets *k = key;
    return gw_hash(k->data, k->len, seed);
}

static bool key_eq(const void *key, const void *obj)
{
    const struct octets *k = key;
    const struct record *r = obj;
    return k->len == r->key.len && memcmp(k->data, r->key.data, k->len) == 0;
}

static const void *record_key(const void *obj)
{
    return &((const struct record *)obj)->key;
}

static const struct gw_table_ops record_ops = {.hash = key_hash, .eq = key_eq, .key = record_key};

static struct octets copy(const void *data, size_t len)
{
    struct octets o = {len, sim_new_memory(len + 1)};
    memcpy(o.data, data, len);
    return o;
}

struct sim_disk *sim_disk_new(void)
{
    struct sim_disk *d = sim_new_memory(sizeof *d);

    gw_table_init(&d->records, &gw_alloc_libc, &record_ops, 0, 0);
    d->staged_last = &d->staged;
    return d;
}

/* Takes the key over, and the value, which replaces the one there. */
static void put(struct sim_disk *d, struct octets key, struct octets value, bool remember)
{
    struct record *r = gw_table_get(&d->records, &key);

    if (remember) {
        struct undo *u = sim_new_memory(sizeof *u);
        *u = (struct undo){.next = d->undo, .key = copy(key.data, key.len)};
        if (r != NULL)
            u->value = copy(r->value.data, r->value.len);
        d->undo = u;
    }
    if (r != NULL && value.data == NULL) {
        (void)gw_table_del(&d->records, &key);
        free(r->key.data);
        free(r->value.data);
        free(r);
    } else if (r != NULL) {
        free(r->value.data);
        r->value = value;
    }
    if (r != NULL || value.data == NULL) {
        free(key.data);
        return;
    }
    r = sim_new_memory(sizeof *r);
    *r = (struct record){key, value};
    if (gw_table_put(&d->records, r) != 0)
        abort();
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
    struct op *o = sim_new_memory(sizeof *o);

    *o = (struct op){.key = copy(key, key_len), .value = value};
    *d->staged_last = o;
    d->staged_last = &o->next;
}

static int disk_put(void *self, const void *key, size_t key_len, const void *value,
                    size_t value_len, struct gw_store_why *why)
{
    (void)why;
    stage(self, key, key_len, copy(value, value_len));
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
        free(o->key.data);
        free(o->value.data);
        free(o);
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
        put(d, o->key, o->value, true);
        free(o);
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
        all[used++] = r;
    qsort(all, n, sizeof(struct record *), by_key); /* as LMDB does */
    for (size_t i = 0; i < n && err == 0; i++)
        err = visit(user, all[i]->key.data, all[i]->key.len, all[i]->value.data, all[i]->value.len);
    free(all);
    return err;
}

static void forget_undo(struct sim_disk *d)
{
    for (struct undo *u = d->undo; u != NULL; u = d->undo) {
        d->undo = u->next;
        free(u->key.data);
        free(u->value.data);
        free(u);
    }
}

static int disk_sync(void *self, struct gw_store_why *why)
{
    (void)why;
    forget_undo(self);
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
    for (struct undo *u = d->undo; u != NULL; u = d->undo) {
        d->undo = u->next;
        put(d, u->key, u->value, false);
        free(u);
    }
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
        n += r->key.len > 0 && r->key.data[0] == first;
    return n;
}

void sim_disk_free(struct sim_disk *d)
{
    struct record *r;

    forget_undo(d);
    for (size_t i = 0; (r = gw_table_next(&d->records, &i)) != NULL;) {
        free(r->key.data);
        free(r->value.data);
        free(r);
    }
    gw_table_free(&d->records);
    free(d);
}
