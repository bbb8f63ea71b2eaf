/* steer.c: control requests about services: what the packet path counts for them, added to the
 * node's rows; the flows that it has bound (affinity); why a flow goes where it goes; and the ways
 * to a service's instances (trace): as this node sees them at once, and what others say of them in
 * `show traces`, a little later.
 *
 * Which client uses which service is in the answers to `show affinity` and `why` and nowhere else:
 * the control socket is for the operator, and nothing of it is logged or told to other nodes. A
 * trace that names a client tells the nodes on its way of it.
 */
#include "plane/steer.h"
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/json.h"
#include "fn/steer/steer.h"
#include "plane/serve_show.h"
#include "sys/clock.h"

#include <netinet/in.h>
#include <stdlib.h>

#define FLOWS_MAX 10000 /* rows of an answer */

static json_int_t ms_since(struct gw_time at, struct gw_time now)
{
    return at.ns != 0 ? (json_int_t)((now.ns - at.ns) / 1000000) : -1;
}

static const char *service_name(const struct gwd *d, const struct gw_service_key *k)
{
    const struct gw_cfg_service *s = gw_steer_service(d->conf, k);

    return s != NULL ? s->name : "?";
}

static void put_count(json_t *row, const char *packets, const char *octets,
                      const struct gw_t_counter *c)
{
    json_object_set_new(row, packets, json_integer((json_int_t)c->packets));
    json_object_set_new(row, octets, json_integer((json_int_t)c->octets));
}

/* ---- counts for the node's rows ---- */

struct rows {
    const struct gwd *daemon;
    json_t *rows;
    struct gw_time now;
};

/* Those whose member `key` is that address. */
static json_t *row_of(json_t *rows, size_t *i, const char *key, const struct gw_addr *addr)
{
    struct gw_addr own;
    while (*i < json_array_size(rows)) {
        json_t *row = json_array_get(rows, (*i)++);
        const char *text = json_string_value(json_object_get(row, key));
        if (text != NULL && gw_parse_addr(text, &own) == 0 && gw_addr_eq(&own, addr))
            return row;
    }
    return NULL;
}

static bool add_instance(void *user, const struct gw_instance_info *x)
{
    struct rows *r = user;
    json_t *row;
    for (size_t i = 0; (row = row_of(r->rows, &i, "csci_id", &x->csci_id)) != NULL;) {
        json_object_set_new(row, "flows", json_integer((json_int_t)x->flows));
        json_object_set_new(row, "own_in_flight", json_integer(x->in_flight));
        put_count(row, "in_packets", "in_octets", &x->in);
        json_object_set_new(row, "last_in_ms", json_integer(ms_since(x->last_in, r->now)));
        if (x->here)
            put_count(row, "out_packets", "out_octets", &x->out);
    }
    return true;
}

static bool add_service(void *user, const struct gw_service_info *s)
{
    struct rows *r = user;
    json_t *row;
    for (size_t i = 0; (row = row_of(r->rows, &i, "cs_id", &s->service.cs_id)) != NULL;) {
        if (json_integer_value(json_object_get(row, "protocol")) != s->service.proto ||
            json_integer_value(json_object_get(row, "port")) != s->service.port)
            continue;
        json_object_set_new(row, "candidates_up", json_integer(s->up));
        json_object_set_new(row, "flows", json_integer((json_int_t)s->flows));
        json_object_set_new(row, "asked", json_integer((json_int_t)s->asked));
        put_count(row, "in_packets", "in_octets", &s->in);
    }
    return true;
}

void gwd_steer_add_counts(const struct gwd *d, enum gw_show what, json_t *rows)
{
    struct rows r = {d, rows, gw_clock_mono()};
    struct gw_addr csci_id;
    json_t *row;
    size_t i;
    if (what == GW_SHOW_SERVICES)
        gw_bpf_services(d->bpf, add_service, &r);
    if (what == GW_SHOW_CANDIDATES)
        gw_bpf_instances(d->bpf, add_instance, &r);
    if (what != GW_SHOW_INSTANCES)
        return;
    json_array_foreach(rows, i, row)
    {
        const char *text = json_string_value(json_object_get(row, "csci_id"));
        if (text != NULL && gw_parse_addr(text, &csci_id) == 0)
            gwd_agent_describe(d, &csci_id, row);
    }
}

/* ---- affinity ---- */

static json_t *flow_row(const struct gwd *d, const struct gw_flow_info *f, struct gw_time now)
{
    char client[GW_TEXT_MAX], cs_id[GW_TEXT_MAX], csci_id[GW_TEXT_MAX];
    return json_pack("{s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:b, s:b}", "client",
                     gw_fmt_addr(&f->flow.src, client), "client_port", f->flow.sport, "protocol",
                     f->flow.proto, "port", f->flow.dport, "service", service_name(d, &f->service),
                     "cs_id", gw_fmt_addr(&f->service.cs_id, cs_id), "csci_id",
                     gw_fmt_addr(&f->csci_id, csci_id), "packets", (json_int_t)f->packets,
                     "begun_ms", ms_since(f->begun, now), "last_ms", ms_since(f->last, now),
                     "reason", gw_steer_reason_name(f->reason), "in_flight", f->open, "told",
                     f->told);
}

static bool add_flow(void *user, const struct gw_flow_info *f)
{
    struct rows *r = user;
    json_array_append_new(r->rows, flow_row(r->daemon, f, r->now));
    return json_array_size(r->rows) < FLOWS_MAX;
}

json_t *gwd_steer_affinity(struct gwd *d)
{
    struct rows r = {d, json_array(), gw_clock_mono()};
    int err = gw_bpf_flows(d->bpf, NULL, add_flow, &r);
    if (err >= 0)
        return gwd_answer_ok(r.rows);
    json_decref(r.rows);
    return gwd_answer_error("show affinity: %s", gw_err_text(err));
}

/* ---- why ---- */

/* A protocol's number: tcp, udp, or as it stands; -1: none. */
static int protocol_of(const json_t *v)
{
    const char *text = json_string_value(v);
    if (text != NULL)
        return strcmp(text, "tcp") == 0 ? IPPROTO_TCP : strcmp(text, "udp") == 0 ? IPPROTO_UDP : -1;
    return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 255
               ? (int)json_integer_value(v)
               : -1;
}

static bool read_port(const json_t *v, uint16_t *out)
{
    if (v == NULL)
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT16_MAX)
        return false;
    *out = (uint16_t)json_integer_value(v);
    return true;
}

bool gwd_steer_read_service(const struct gwd *d, const json_t *req, struct gw_service_key *out,
                            json_t **wrong)
{
    const char *cmd = json_string_value(json_object_get(req, "cmd"));
    const char *text = json_string_value(json_object_get(req, "cs-id"));
    const json_t *protocol = json_object_get(req, "protocol");
    const struct gw_service_key *found = NULL;
    struct gw_addr addr;
    bool is_addr = text != NULL && gw_parse_addr(text, &addr) == 0;
    for (size_t i = 0; text != NULL && found == NULL && i < d->conf->nservices; i++) {
        const struct gw_cfg_service *s = &d->conf->services[i];
        if (strcmp(s->name, text) == 0 || (is_addr && gw_addr_eq(&s->key.cs_id, &addr)))
            found = &s->key;
    }
    if (found == NULL) {
        *wrong = gwd_answer_error("%s: no service is called \"%s\", nor has it as its CS-ID", cmd,
                                  text != NULL ? text : "");
        return false;
    }
    *out = *found;
    int number = protocol != NULL ? protocol_of(protocol) : found->proto;
    bool port = read_port(json_object_get(req, "port"), &out->port);
    if (number < 0)
        *wrong = gwd_answer_error("%s: protocol is \"tcp\", \"udp\" or a number up to 255", cmd);
    else if (!port)
        *wrong = gwd_answer_error("%s: port is a number up to 65535", cmd);
    out->proto = (uint8_t)number;
    return number >= 0 && port;
}

static json_t *candidate_row(const struct gw_why_candidate *c)
{
    char csci_id[GW_TEXT_MAX], egress[GW_TEXT_MAX];
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "csci_id", gw_fmt_addr(&c->csci_id, csci_id), "egress",
                     gw_fmt_addr(&c->egress, egress), "state", gw_steer_state_name(c->state),
                     "usable", c->usable, "hot", c->hot, "completion_us",
                     (json_int_t)c->completion_us, "path_us", (json_int_t)c->path_us, "service_us",
                     (json_int_t)c->service_us, "load_of_16", (json_int_t)c->load, "slots",
                     (json_int_t)c->slots, "own_in_flight", (json_int_t)c->own, "errors_of_1024",
                     (json_int_t)c->errors, "weight", (json_int_t)c->weight, "age_ms",
                     c->age_ms != UINT32_MAX ? (json_int_t)c->age_ms : (json_int_t)-1);
}

static json_t *explain(const struct gwd *d, const struct gw_why *w, struct gw_time now)
{
    char text[GW_TEXT_MAX];
    json_t *rows = json_array();
    for (uint32_t i = 0; i < w->n; i++)
        json_array_append_new(rows, candidate_row(&w->candidate[i]));
    json_t *out = json_pack("{s:s, s:s}", "service", service_name(d, &w->service.service), "policy",
                            gw_steer_policy_name(w->service.policy));
    if (w->bound) {
        json_object_set_new(out, "goes_to", json_string(gw_fmt_addr(&w->entry.csci_id, text)));
        json_object_set_new(out, "because",
                            json_string(w->entry.told ? "another node has told so"
                                                      : gw_steer_reason_name(w->entry.reason)));
        json_object_set_new(out, "since_ms", json_integer(ms_since(w->entry.begun, now)));
        json_object_set_new(out, "last_ms", json_integer(ms_since(w->entry.last, now)));
        json_object_set_new(out, "packets", json_integer((json_int_t)w->entry.packets));
    } else {
        json_object_set_new(out, "goes_to", json_string(""));
        json_object_set_new(out, "because", json_string("it is not known here yet"));
    }
    json_object_set_new(out, "new_would_go_to",
                        json_string(w->anyone ? gw_fmt_addr(&w->choice, text) : ""));
    json_object_set_new(out, "new_because", json_string(gw_steer_reason_name(w->reason)));
    json_object_set_new(out, "candidates", rows);
    return out;
}

json_t *gwd_steer_why(struct gwd *d, const json_t *req)
{
    const char *client = json_string_value(json_object_get(req, "client"));
    struct gw_time now = gw_clock_mono();
    struct gw_service_key key;
    struct gw_flow_id flow = {0};
    json_t *wrong;
    if (!gwd_steer_read_service(d, req, &key, &wrong))
        return wrong;
    if (client == NULL || gw_parse_addr(client, &flow.src) < 0)
        return gwd_answer_error("why: \"%s\" is no IPv6 address", client != NULL ? client : "");
    if (!read_port(json_object_get(req, "client-port"), &flow.sport))
        return gwd_answer_error("why: client-port is a number up to 65535");
    flow.proto = key.proto;
    flow.dport = key.port;
    struct gw_why *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    int err = gw_bpf_why(d->bpf, &key.cs_id, &flow, now, (uint64_t)now.ns, w);
    json_t *answer = err == 0 ? gwd_answer_ok(explain(d, w, now))
                              : gwd_answer_error("why: the packet path has no such service");
    free(w);
    return answer;
}

/* ---- trace ---- */

static json_t *node_rows(const struct gwd *d, enum gw_show what)
{
    struct gwd_json j;
    json_t *rows = json_array();
    gwd_json_init(&j, rows);
    gw_node_show(d->node, what, &j.emit, gw_clock_now());
    return rows;
}

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (json_object_get(from, *keys) != NULL)
            json_object_set(to, *keys, json_object_get(from, *keys));
}

/* The way to one candidate, as far as this node sees it. */
static json_t *way(const struct gwd *d, const json_t *candidate, json_t *paths)
{
    static const char *const of_candidate[] = {
        "csci_id",    "egress",    "here",       "state",       "age_ms",     "flows",
        "in_packets", "in_octets", "last_in_ms", "out_packets", "out_octets", NULL};
    static const char *const of_path[] = {"peer",          "delay_us",      "jitter_us",
                                          "loss_of_10000", "last_heard_ms", NULL};
    const char *text = json_string_value(json_object_get(candidate, "egress"));
    json_t *row = json_object();
    struct gw_addr egress;
    size_t i = 0;
    copy(row, candidate, of_candidate);
    if (text == NULL || gw_parse_addr(text, &egress) < 0)
        return row;
    const json_t *path = row_of(paths, &i, "address", &egress);
    if (path != NULL) {
        json_object_set(row, "path", json_object_get(path, "state"));
        copy(row, path, of_path);
    }
    int mtu = gw_bpf_peer_mtu(d->bpf, &egress);
    if (mtu > 0)
        json_object_set_new(row, "mtu", json_integer(mtu));
    return row;
}

static json_t *ways_of(const struct gwd *d, const struct gw_service_key *key)
{
    json_t *row, *ways = json_array();
    json_t *candidates = node_rows(d, GW_SHOW_CANDIDATES), *paths = node_rows(d, GW_SHOW_PATHS);
    gwd_steer_add_counts(d, GW_SHOW_CANDIDATES, candidates);
    for (size_t i = 0; (row = row_of(candidates, &i, "cs_id", &key->cs_id)) != NULL;)
        if (json_integer_value(json_object_get(row, "protocol")) == key->proto &&
            json_integer_value(json_object_get(row, "port")) == key->port)
            json_array_append_new(ways, way(d, row, paths));
    json_decref(candidates);
    json_decref(paths);
    return ways;
}

struct bound { /* the instances that a client's flows are at */
    struct gw_addr client, csci_id;
    size_t n; /* of them; 2: more than one */
};

static bool add_bound(void *user, const struct gw_flow_info *f)
{
    struct bound *b = user;
    if (!gw_addr_eq(&f->flow.src, &b->client) || (b->n > 0 && gw_addr_eq(&f->csci_id, &b->csci_id)))
        return true;
    b->csci_id = f->csci_id;
    return ++b->n < 2;
}

/* Where all the client's flows are; zero: at several, or it has none here. */
static struct gw_addr bound_to(const struct gwd *d, const struct gw_service_key *key,
                               const struct gw_addr *client)
{
    struct bound b = {.client = *client};
    if (!gw_addr_is_zero(client))
        gw_bpf_flows(d->bpf, key, add_bound, &b);
    return b.n == 1 ? b.csci_id : (struct gw_addr){{0}};
}

json_t *gwd_steer_trace(struct gwd *d, const json_t *req)
{
    const json_t *text = json_object_get(req, "client");
    struct gw_addr client = {{0}};
    struct gw_service_key key;
    uint64_t number;
    json_t *wrong;
    if (!gwd_steer_read_service(d, req, &key, &wrong))
        return wrong;
    if (text != NULL &&
        (!json_is_string(text) || gw_parse_addr(json_string_value(text), &client) < 0))
        return gwd_answer_error("trace: \"%s\" is no IPv6 address",
                                json_is_string(text) ? json_string_value(text) : "");
    struct gw_addr csci_id = bound_to(d, &key, &client);
    int err = gw_node_trace(d->node, &key, &csci_id, &client, gw_clock_now(), &number);
    gwd_carry_out(d);
    if (err == GW_EFULL)
        return gwd_answer_error("trace: too many are under way, try again");
    if (err < 0)
        return gwd_answer_error("trace: the node refused: %s", gw_err_text(err));
    return gwd_answer_ok(json_pack("{s:s, s:I, s:o}", "service", service_name(d, &key), "trace",
                                   (json_int_t)number, "ways", ways_of(d, &key)));
}
