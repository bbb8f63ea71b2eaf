/* announce.c: the anycast addresses of services are announced by BIRD while there is an instance:
 * what the node wants of the packet path says which there are, and the protocol `godwit_SERVICE` is
 * switched on and off at BIRD's control socket (src/sys/bird.h), and its address is a route of the
 * kernel or not, which FRR may redistribute; either or both, as configured.
 *
 * Decisions: an instance that is draining counts, because its flows still come this way. After a
 * start nothing is withdrawn for one lifetime of a record: the node has yet to hear of instances
 * that this router has announced, and served, all the time. With `on-stop: leave` the routes stay,
 * as the packet path does.
 */
#include "daemon/daemon.h"
#include "sys/bird.h"
#include "sys/clock.h"
#include "sys/netlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WITHDRAW_MS 1000

struct instance {
    struct gw_addr csci_id; /* the key */
    struct gw_service_key service;
};

struct gwd_announce {
    struct gwd *daemon;
    struct gw_bird bird;
    struct gwd_fd fd;
    uv_timer_t timer;
    uint64_t watched;    /* the connection that is */
    struct gw_time hold; /* until then nothing is withdrawn */
    bool held;           /* something was to be */
    struct gw_table instances;
};

static uint64_t instance_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(struct gw_addr), seed);
}
static bool instance_eq(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct instance *)obj)->csci_id);
}
static const void *instance_key(const void *obj)
{
    return &((const struct instance *)obj)->csci_id;
}
static const struct gw_table_ops instance_ops = {
    .hash = instance_hash, .eq = instance_eq, .key = instance_key};

/* BIRD's names have no '-', and those of services no '_'. */
static void protocol_of(const struct gw_cfg_service *s, char name[static GW_BIRD_NAME])
{
    (void)snprintf(name, GW_BIRD_NAME, "godwit_%s", s->name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
}

static bool same_service(const struct gw_service_key *a, const struct gw_service_key *b)
{
    return gw_addr_eq(&a->cs_id, &b->cs_id) && a->proto == b->proto && a->port == b->port;
}

static void said(void *user, const struct gw_bird_protocol *p, const char *why)
{
    const struct gwd_announce *a = user;

    gw_log(&a->daemon->logger.log, why != NULL ? GW_LOG_WARN : GW_LOG_NOTICE, GW_CAT_PLANE,
           why != NULL ? "announce-refused"
           : p->on     ? "announced"
                       : "withdrawn",
           "%s%s%s", p->name, why != NULL ? ": BIRD says: " : "", why != NULL ? why : "");
}

static void turn(struct gwd_announce *a);

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    turn(poll->data);
    gwd_go_on(poll, status, readable);
}

static bool has_instance(const struct gwd_announce *a, const struct gw_service_key *s)
{
    const struct instance *x;

    for (size_t i = 0; (x = gw_table_next(&a->instances, &i)) != NULL;)
        if (same_service(&x->service, s))
            return true;
    return false;
}

static void say_routes(struct gwd_announce *a, bool any, bool only)
{
    const struct gw_config *c = a->daemon->conf;
    struct gw_prefix *list = calloc(c->nservices + 1, sizeof *list);
    size_t n = 0;

    for (size_t i = 0; list != NULL && any && i < c->nservices; i++)
        if (has_instance(a, &c->services[i].key))
            list[n++] = (struct gw_prefix){.addr = c->services[i].key.cs_id, .len = 128};
    if (list == NULL || gw_nl_service_routes(list, n, only) < 0)
        gw_log(&a->daemon->logger.log, GW_LOG_WARN, GW_CAT_PLANE, "service-routes",
               "cannot set the routes of services: %s", strerror(errno));
    free(list);
}

static void want(struct gwd_announce *a, const struct gw_cfg_service *s)
{
    bool on = has_instance(a, &s->key);
    char name[GW_BIRD_NAME];

    if (!on && gw_time_before(gw_clock_mono(), a->hold)) {
        a->held = true;
        return;
    }
    protocol_of(s, name);
    if (gw_bird_want(&a->bird, name, on) < 0)
        gw_log(&a->daemon->logger.log, GW_LOG_ERROR, GW_CAT_PLANE, "no-memory", "%s", name);
}

static void want_all(struct gwd_announce *a)
{
    const struct gw_config *c = a->daemon->conf;

    for (size_t i = 0; c->steering.bird_socket != NULL && i < c->nservices; i++)
        want(a, &c->services[i]);
    if (!c->steering.kernel_routes)
        return;
    bool held = gw_time_before(gw_clock_mono(), a->hold);
    a->held |= held; /* those of an earlier run are looked at then */
    say_routes(a, true, !held);
}

static void due(uv_timer_t *timer)
{
    struct gwd_announce *a = timer->data;

    if (a->held && !gw_time_before(gw_clock_mono(), a->hold)) {
        a->held = false;
        want_all(a);
    }
    turn(a);
}

/* BIRD is told what waits; when it is to be told again. */
static struct gw_time tell_bird(struct gwd_announce *a, struct gw_time now)
{
    struct gw_bird *b = &a->bird;

    if (a->daemon->conf->steering.bird_socket == NULL)
        return GW_NEVER;
    gw_bird_run(b, now);
    if (a->watched != b->connections || b->fd < 0)
        gwd_unwatch(&a->fd);
    if (b->fd >= 0 && a->watched != b->connections &&
        gwd_watch(a->daemon, &a->fd, b->fd, false, readable, a) < 0)
        gwd_unwatch(&a->fd); /* asked at each deadline then */
    a->watched = b->connections;
    return gw_bird_deadline(b);
}

static void turn(struct gwd_announce *a)
{
    struct gw_time now = gw_clock_mono(), at = tell_bird(a, now);

    if (a->held && gw_time_before(a->hold, at))
        at = a->hold;
    if (at.ns == GW_NEVER.ns)
        return;
    int64_t wait = gw_time_sub(at, now).ns;
    uv_timer_start(&a->timer, due, wait > 0 ? (uint64_t)(wait / 1000000 + 1) : 1, 0);
}

/* ---- what the node says ---- */

static void set(struct gwd_announce *a, const struct gw_addr *csci_id,
                const struct gw_service_key *service)
{
    struct instance *x = gw_table_get(&a->instances, csci_id);

    if (x == NULL) {
        x = gw_new(&gw_alloc_libc, sizeof *x);
        if (x == NULL)
            return; /* it will be said again */
        x->csci_id = *csci_id;
        if (gw_table_put(&a->instances, x) < 0) {
            gw_free(&gw_alloc_libc, x, sizeof *x);
            return;
        }
    }
    x->service = *service;
}

static void del(struct gwd_announce *a, const struct gw_addr *csci_id)
{
    struct instance *x = gw_table_del(&a->instances, csci_id);

    if (x != NULL)
        gw_free(&gw_alloc_libc, x, sizeof *x);
}

static void del_service(struct gwd_announce *a, const struct gw_service_key *service)
{
    struct instance *x;

    for (size_t i = 0; (x = gw_table_next(&a->instances, &i)) != NULL;)
        if (same_service(&x->service, service))
            del(a, &x->csci_id);
}

void gwd_announce_note(struct gwd *d, const struct gw_intent *in)
{
    struct gwd_announce *a = d->announce;

    if (a == NULL)
        return;
    if (in->kind == GW_INTENT_INSTANCE_SET && in->instance.state != GW_INSTANCE_DEAD) {
        const struct instance *x = gw_table_get(&a->instances, &in->instance.csci_id);
        if (x != NULL && same_service(&x->service, &in->instance.service))
            return; /* most are news of load */
        set(a, &in->instance.csci_id, &in->instance.service);
    } else if (in->kind == GW_INTENT_INSTANCE_SET || in->kind == GW_INTENT_INSTANCE_DEL) {
        del(a, &in->instance.csci_id);
    } else if (in->kind == GW_INTENT_SERVICE_DEL) {
        del_service(a, &in->service.key);
    } else {
        return;
    }
    want_all(a);
    turn(a);
}

/* ---- begin and end ---- */

int gwd_announce_open(struct gwd *d)
{
    const struct gw_cfg_steering *s = &d->conf->steering;
    struct gwd_announce *a;

    if (s->bird_socket == NULL && !s->kernel_routes)
        return 0;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return GW_ENOMEM;
    a->daemon = d;
    a->fd.fd = -1;
    a->held = true;
    a->hold = gw_time_add(gw_clock_mono(), s->lifetime);
    gw_table_init(&a->instances, &gw_alloc_libc, &instance_ops, 0, (uint64_t)(uintptr_t)a);
    gw_bird_init(&a->bird, s->bird_socket != NULL ? s->bird_socket : "", said, a);
    uv_timer_init(&d->loop, &a->timer);
    a->timer.data = a;
    d->announce = a;
    turn(a);
    return 0;
}

static bool is_service(const struct gw_config *c, const char *name)
{
    for (size_t i = 0; i < c->nservices; i++)
        if (strcmp(c->services[i].name, name) == 0)
            return true;
    return false;
}

void gwd_announce_reload(struct gwd *d, const struct gw_config *old)
{
    struct gwd_announce *a = d->announce;
    char name[GW_BIRD_NAME];

    if (a == NULL)
        return;
    for (size_t i = 0; i < old->nservices; i++) {
        protocol_of(&old->services[i], name);
        if (d->conf->steering.bird_socket != NULL && !is_service(d->conf, old->services[i].name))
            gw_bird_forget(&a->bird, name);
    }
    want_all(a);
    turn(a);
}

bool gwd_announce_same(const struct gw_config *a, const struct gw_config *b)
{
    const char *x = a->steering.bird_socket, *y = b->steering.bird_socket;

    if (a->steering.kernel_routes != b->steering.kernel_routes)
        return false;
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

void gwd_announce_close(struct gwd *d, bool withdraw)
{
    struct gwd_announce *a = d->announce;

    if (a == NULL)
        return;
    gwd_unwatch(&a->fd);
    if (withdraw && d->conf->steering.bird_socket != NULL)
        gw_bird_withdraw(&a->bird, WITHDRAW_MS);
    if (withdraw && d->conf->steering.kernel_routes)
        say_routes(a, false, true);
    uv_close((uv_handle_t *)&a->timer, NULL);
    gw_bird_close(&a->bird);
}

void gwd_announce_free(struct gwd *d)
{
    struct gwd_announce *a = d->announce;
    struct instance *x;

    if (a == NULL)
        return;
    for (size_t i = 0; (x = gw_table_next(&a->instances, &i)) != NULL;)
        del(a, &x->csci_id);
    gw_table_free(&a->instances);
    free(a);
    d->announce = NULL;
}
