/* decode_cats.c: the items of CATS control messages and of handovers (doc/cats.md) as JSON members,
 * for `godwit decode`. What they mean is src/fn's business.
 */
#include "cli/decode.h"
#include "cli/decode_put.h"

static void put_vector(json_t *obj, const struct gw_cats_vector *v)
{
    put_addr(obj, "origin", &v->origin);
    put_num(obj, "epoch", v->epoch);
    put_num(obj, "upto", v->seq);
}

static void put_origin(json_t *obj, const struct gw_cats_origin *o)
{
    put_vector(obj, &o->upto);
    put_num(obj, "from", o->from);
    put_bool(obj, "complete", o->complete);
}

static void put_service(json_t *obj, const struct gw_cats_service *s)
{
    put_addr(obj, "cs-id", &s->cs_id);
    put_num(obj, "protocol", s->proto);
    put_num(obj, "port", s->port);
}

static void put_score(json_t *obj, const char *key, uint8_t score)
{
    if (score != GW_CATS_NO_SCORE)
        put_num(obj, key, score);
}

static void put_instance(json_t *obj, const struct gw_cats_instance *x)
{
    put_addr(obj, "csci-id", &x->csci_id);
    if (!gw_addr_is_zero(&x->egress))
        put_addr(obj, "egress", &x->egress);
    put_str(obj, "state", gw_cats_state_name(x->state));
    put_num(obj, "change", x->seq);
    put_score(obj, "score", x->score);
    put_score(obj, "computing", x->computing);
    put_score(obj, "communication", x->communication);
    put_score(obj, "service", x->service);
    put_num(obj, "weight", x->weight);
    put_num(obj, "lifetime", x->lifetime);
    put_num(obj, "age-ms", x->age);
    put_num(obj, "slots", x->slots);
    put_num(obj, "latency-us", x->latency);
    put_num(obj, "in-flight", x->in_flight);
    put_num(obj, "errors", x->errors);
}

static void put_flow(json_t *obj, const struct gw_cats_flow *f)
{
    put_num(obj, "affinity", f->affinity);
    put_num(obj, "protocol", f->proto);
    put_addr(obj, "source", &f->src);
    put_num(obj, "source-port", f->sport);
    put_addr(obj, "destination", &f->dst);
    put_num(obj, "destination-port", f->dport);
}

static void put_choice(json_t *obj, const struct gw_cats_choice *c)
{
    put_num(obj, "code", c->code);
    put_score(obj, "score", c->score);
    put_num(obj, "share", c->share);
    put_num(obj, "lifetime", c->lifetime);
    put_addr(obj, "csci-id", &c->csci_id);
    put_addr(obj, "egress", &c->egress);
}

static void put_path(json_t *obj, const struct gw_cats_path *p)
{
    put_addr(obj, "to", &p->to);
    put_num(obj, "delay-us", p->delay);
    put_num(obj, "jitter-us", p->jitter);
    put_num(obj, "loss", p->loss);
    put_num(obj, "age-ms", p->age);
}

static void put_metric(json_t *obj, const struct gw_cats_metric *m)
{
    put_num(obj, "kind", m->kind);
    put_num(obj, "level", m->level);
    put_num(obj, "unit", m->unit);
    put_num(obj, "source", m->source);
    put_num(obj, "statistic", m->statistic);
    put_num(obj, "window-ms", m->window);
    put_num(obj, "value", m->value);
}

static void put_hop(json_t *obj, const struct gw_cats_hop *h)
{
    put_addr(obj, "at", &h->at);
    put_num(obj, "role", h->role);
    put_num(obj, "code", h->code);
    put_num(obj, "rx", h->rx);
    put_num(obj, "tx", h->tx);
}

static void put_move(json_t *obj, const struct gw_cats_move *m)
{
    put_num(obj, "generation", m->generation);
    put_bool(obj, "continues", (m->flags & GW_CATS_MOVE_CONTINUES) != 0);
    put_bool(obj, "buffered", (m->flags & GW_CATS_MOVE_BUFFERED) != 0);
    put_bool(obj, "marks", (m->flags & GW_CATS_MOVE_MARKS) != 0);
}

static void put_token(json_t *obj, const struct gw_cats_token *t)
{
    put_addr(obj, "egress", &t->egress);
    put_num(obj, "spi", t->spi);
    put_num(obj, "expiry", t->expiry);
    put_hex(obj, "mac", t->mac, sizeof t->mac);
}

static void put_transaction(json_t *obj, const struct gw_cats_transaction *t)
{
    char id[17];

    (void)snprintf(id, sizeof id, "%016llx", (unsigned long long)t->id);
    put_str(obj, "id", id);
    put_num(obj, "code", t->code);
    put_num(obj, "size", t->size);
    put_num(obj, "moved", t->moved);
}

static void put_location(json_t *obj, const struct gw_cats_location *l)
{
    json_t *list = json_array();
    char text[GW_TEXT_MAX];

    put_addr(obj, "client", &l->client);
    if (l->lladdr.len != 0)
        put_lladdr(obj, "lladdr", &l->lladdr);
    put_addr(obj, "ingress", &l->ingress);
    put_num(obj, "generation", l->generation);
    put_num(obj, "lifetime", l->lifetime);
    for (size_t i = 0; i < l->negresses; i++)
        (void)json_array_append_new(list, json_string(gw_fmt_addr(&l->egress[i], text)));
    (void)json_object_set_new(obj, "egresses", list);
}

void gw_decode_item(json_t *obj, const struct gw_cats_item *item)
{
    switch ((enum gw_cats_item_type)item->type) {
    case GW_CATS_ORIGIN:
        put_origin(obj, &item->origin);
        break;
    case GW_CATS_SERVICE:
        put_service(obj, &item->service);
        break;
    case GW_CATS_INSTANCE:
        put_instance(obj, &item->instance);
        break;
    case GW_CATS_VECTOR:
        put_vector(obj, &item->vector);
        put_bool(obj, "direct", item->vector.direct);
        break;
    case GW_CATS_FLOW:
        put_flow(obj, &item->flow);
        break;
    case GW_CATS_CHOICE:
        put_choice(obj, &item->choice);
        break;
    case GW_CATS_PATH:
        put_path(obj, &item->path);
        break;
    case GW_CATS_METRIC:
        put_metric(obj, &item->metric);
        break;
    case GW_CATS_HOP:
        put_hop(obj, &item->hop);
        break;
    case GW_CATS_MOVE:
        put_move(obj, &item->move);
        break;
    case GW_CATS_TOKEN:
        put_token(obj, &item->token);
        break;
    case GW_CATS_TRANSACTION:
        put_transaction(obj, &item->transaction);
        break;
    case GW_CATS_LOCATION:
        put_location(obj, &item->location);
        break;
    }
}
