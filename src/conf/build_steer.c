/* build_steer.c: services, instances and steering (CATS) of the complete and checked tree. The only
 * errors left are secret files and memory.
 */
#include "conf/build.h"
#include "conf/check.h"

static uint32_t milliseconds(const struct lyd_node *n, const char *name)
{
    return (uint32_t)(gw_conf_time(n, name).ns / 1000000);
}

static uint32_t microseconds(const struct lyd_node *n, const char *name)
{
    return (uint32_t)(gw_conf_time(n, name).ns / 1000);
}

/* What may lie between a move at the instance and its report: nothing comes more often. */
static uint32_t report_interval_ms(const struct gw_cfg_steering *s)
{
    int64_t ns = s->report.least.ns;

    ns = ns > s->sample.ns ? ns : s->sample.ns;
    ns = ns > s->pace.ns ? ns : s->pace.ns;
    return (uint32_t)(ns / 1000000);
}

static void build_service(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_service *s)
{
    s->name = gw_build_copy(b, gw_conf_str(n, "name"));
    (void)gw_conf_addr(n, "cs-id", &s->key.cs_id);
    s->key.proto = (uint8_t)gw_conf_enum(n, "protocol");
    s->key.port = (uint16_t)gw_conf_u32(n, "port");
    s->affinity = (enum gw_affinity)gw_conf_enum(n, "affinity");
    s->affinity_timeout = gw_conf_time(n, "affinity-timeout");
    s->reselect = strcmp(gw_conf_str(n, "on-failure"), "reselect") == 0;
    s->delivery = (enum gw_delivery)gw_conf_enum(n, "delivery");
    s->policy = (uint32_t)gw_conf_enum(n, "policy");
    s->rule = (struct gw_steer_rule){
        .quantile = gw_conf_u32(n, "quantile"),
        .width = gw_conf_u32(n, "width"),
        .interval_ms = report_interval_ms(&b->c->steering),
        .settle_ms = milliseconds(n, "settle"),
    };
    s->max_age_ms = milliseconds(n, "max-age");
    s->blur = gw_conf_u32(n, "blur");
    s->error_limit = gw_conf_u32(n, "error-limit");
    s->lasting = gw_conf_u32(n, "lasting");
}

static void build_services(struct gw_build *b, const struct lyd_node *n)
{
    b->c->services = gw_build_get(b, gw_conf_count(n), sizeof *b->c->services);
    for (; b->c->services != NULL && n != NULL; n = gw_conf_next(n))
        build_service(b, n, &b->c->services[b->c->nservices++]);
}

/* ---- instances ---- */

/* The checks have found it to be there. */
static size_t service_named(const struct gw_config *c, const char *name)
{
    for (size_t i = 0; i < c->nservices; i++)
        if (strcmp(c->services[i].name, name) == 0)
            return i;
    return 0;
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    return len >= 16 && len <= 64;
}

static void build_token(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_instance *x)
{
    const struct lyd_node *file = gw_conf_child(n, "token-file");
    const char *from = gw_conf_str(n, "token");
    char text[GW_BUILD_SECRET_MAX];
    size_t len = from != NULL ? strlen(from) : 0;

    if (file != NULL)
        from = gw_build_secret_file(b, file, text, &len);
    if (from != NULL && is_token(from, len))
        memcpy(x->token, from, len); /* the rest is zero */
    else if (from != NULL)
        gw_conf_fault(b->err, file,
                      "%s: bad credential (not shown), expected 16 to 64 printable ASCII "
                      "characters without spaces and nothing else",
                      lyd_get_value(file));
    explicit_bzero(text, sizeof text);
}

static void build_health(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_health *h)
{
    *h = (struct gw_cfg_health){
        .kind = (enum gw_health)gw_conf_enum(n, "kind"),
        .port = (uint16_t)gw_conf_u32(n, "port"),
        .path = gw_build_copy(b, gw_conf_str(n, "path")),
        .interval = gw_conf_time(n, "interval"),
        .timeout = gw_conf_time(n, "timeout"),
        .fall = gw_conf_u32(n, "fall"),
        .rise = gw_conf_u32(n, "rise"),
    };
}

static void build_scrape(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_scrape *s)
{
    const struct lyd_node *m = gw_conf_child(n, "metrics");

    if (n == NULL)
        return;
    s->port = (uint16_t)gw_conf_u32(n, "port");
    s->path = gw_build_copy(b, gw_conf_str(n, "path"));
    s->interval = gw_conf_time(n, "interval");
    for (; m != NULL; m = gw_conf_next(m))
        s->name[gw_conf_enum(m, "metric")] = gw_build_copy(b, gw_conf_str(m, "series"));
}

static void build_instance(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_instance *x)
{
    x->name = gw_build_copy(b, gw_conf_str(n, "name"));
    x->service = service_named(b->c, gw_conf_str(n, "service"));
    (void)gw_conf_addr(n, "csci-id", &x->csci_id);
    (void)gw_conf_addr(n, "address", &x->address);
    x->registers = gw_conf_bool(n, "registers");
    build_token(b, n, x);
    x->lease = gw_conf_time(n, "lease");
    x->slots = gw_conf_u32(n, "slots");
    x->weight = gw_conf_u32(n, "weight");
    build_health(b, gw_conf_child(n, "health"), &x->health);
    build_scrape(b, gw_conf_child(n, "scrape"), &x->scrape);
}

static void build_instances(struct gw_build *b, const struct lyd_node *n)
{
    b->c->instances = gw_build_get(b, gw_conf_count(n), sizeof *b->c->instances);
    for (; b->c->instances != NULL && n != NULL; n = gw_conf_next(n))
        build_instance(b, n, &b->c->instances[b->c->ninstances++]);
}

/* ---- steering ---- */

static void build_scores(struct gw_build *b, const struct lyd_node *s)
{
    const struct lyd_node *n = gw_conf_child(s, "normalisation");
    const struct lyd_node *w = gw_conf_child(s, "weights");
    struct gw_metric_norm *norm = gw_build_get(b, gw_conf_count(n), sizeof *norm);
    size_t count = 0;

    for (; norm != NULL && n != NULL; n = gw_conf_next(n))
        norm[count++] = (struct gw_metric_norm){
            .kind = (enum gw_metric_kind)gw_conf_enum(n, "metric"),
            .shape = (enum gw_metric_shape)gw_conf_enum(n, "shape"),
            .worst = gw_conf_u32(n, "worst"),
            .best = gw_conf_u32(n, "best"),
            .steepness = gw_conf_u32(n, "steepness"),
            .weight = gw_conf_u32(n, "weight"),
        };
    b->c->steering.scores = (struct gw_metric_rules){
        .n = count,
        .norm = norm,
        .within = (enum gw_metric_aggregate)gw_conf_enum(s, "within"),
        .across = (enum gw_metric_aggregate)gw_conf_enum(s, "across"),
        .weight = {[GW_METRIC_CAT_COMPUTING] = gw_conf_u32(w, "computing"),
                   [GW_METRIC_CAT_COMMUNICATION] = gw_conf_u32(w, "communication"),
                   [GW_METRIC_CAT_SERVICE] = gw_conf_u32(w, "service")},
    };
}

static struct gw_report_rules report_rules(const struct lyd_node *r)
{
    return (struct gw_report_rules){
        .least = gw_conf_time(r, "least"),
        .most = gw_conf_time(r, "most"),
        .threshold = gw_conf_u32(r, "threshold"),
        .latency_floor = microseconds(r, "latency-floor"),
        .load_floor = gw_conf_u32(r, "load-floor"),
        .penalty = gw_conf_u32(r, "penalty"),
        .limit = gw_conf_u32(r, "limit"),
        .half_life = gw_conf_time(r, "half-life"),
    };
}

static void build_stamp(struct gw_build *b, const struct lyd_node *n)
{
    struct gw_path_config *p = &b->c->steering.stamp;

    p->interval = gw_conf_time(n, "interval");
    p->wait = gw_conf_time(n, "wait");
    p->detect = gw_conf_u32(n, "detect");
    p->key.len = gw_build_secret(b, n, p->key.secret);
    p->auth = p->key.len > 0;
    b->c->steering.stamp_port = (uint16_t)gw_conf_u32(n, "port");
}

static void build_steering(struct gw_build *b, const struct lyd_node *n)
{
    const struct lyd_node *http = gw_conf_child(n, "http");
    struct gw_cfg_steering *s = &b->c->steering;

    s->model = (enum gw_steer_model)gw_conf_enum(n, "model");
    (void)gw_conf_addr(n, "selector", &s->selector);
    (void)gw_conf_addr(n, "d-router", &s->d_router);
    (void)gw_conf_addr(n, "egress", &s->egress);
    s->report = report_rules(gw_conf_child(n, "report"));
    s->sample = gw_conf_time(n, "sample");
    build_scores(b, n);
    s->pace = gw_conf_time(n, "pace");
    s->digest = gw_conf_time(n, "digest");
    s->lifetime = gw_conf_time(n, "lifetime");
    build_stamp(b, gw_conf_child(n, "stamp"));
    s->host_metrics = gw_conf_bool(n, "host-metrics");
    (void)gw_conf_addr(http, "address", &s->http.addr);
    s->http.port = (uint16_t)gw_conf_u32(http, "port");
    s->agent_socket = gw_build_copy(b, gw_conf_str(n, "agent-socket"));
    s->bird_socket = gw_build_copy(b, gw_conf_str(gw_conf_child(n, "announce"), "bird-socket"));
    s->kernel_routes = gw_conf_bool(gw_conf_child(n, "announce"), "kernel-routes");
}

void gw_build_steer(struct gw_build *b, const struct lyd_node *tree)
{
    build_steering(b, gw_conf_child(tree, "steering"));
    build_services(b, gw_conf_child(tree, "services"));
    build_instances(b, gw_conf_child(tree, "instances"));
}
