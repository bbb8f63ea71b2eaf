/* config.c: what needs no file to be done with a configuration: the defaults of times, and to free
 * it. Where configurations come from is src/conf.
 */
#include "node/config.h"

void gw_config_defaults(struct gw_config *c)
{
    c->access_mtu = 1460;
    c->core_mtu = 1500;
    c->timers = (struct gw_cfg_timers){.lifetime = GW_SEC(600),
                                       .refresh = GW_SEC(60),
                                       .initial_ack = GW_SEC(1),
                                       .max_ack = GW_SEC(32),
                                       .replay_window = GW_SEC(7),
                                       .ra_interval = GW_SEC(60),
                                       .transit = GW_SEC(2),
                                       .detach_guard = GW_SEC(5),
                                       .valid_lifetime_s = 7200,
                                       .preferred_lifetime_s = 3600,
                                       .router_lifetime_s = 1800,
                                       .max_update_rate = 3};
    c->mobility.relay_timeout = GW_MSEC(500);
    c->pmip.min_before_delete = GW_SEC(10);
    c->pmip.max_before_assign = GW_MSEC(1500);
    c->pmip.timestamp_validity = GW_MSEC(300);
    c->heartbeat = (struct gw_cfg_heartbeat){.interval = GW_SEC(60), .missing_allowed = 3};
    c->revocation = (struct gw_cfg_revocation){
        .max_retries = 1, .initial_delay = GW_SEC(1), .max_delay = GW_SEC(2), .hold = GW_SEC(300)};
    c->steering.report = (struct gw_report_rules){.least = GW_MSEC(100),
                                                  .most = GW_SEC(1),
                                                  .threshold = 200,
                                                  .latency_floor = 1000,
                                                  .load_floor = 1,
                                                  .penalty = 1000,
                                                  .limit = 3000,
                                                  .half_life = GW_SEC(15)};
    c->steering.sample = GW_MSEC(100);
    c->steering.pace = GW_MSEC(50);
    c->steering.digest = GW_SEC(10);
    c->steering.lifetime = GW_SEC(12);
    c->steering.stamp =
        (struct gw_path_config){.interval = GW_MSEC(100), .wait = GW_MSEC(80), .detect = 2};
    c->steering.stamp_port = GW_STAMP_PORT;
    c->handover.horizon = GW_SEC(3);
    c->handover.nearest = 2;
    c->handover.weak_dbm = -75;
    c->handover.candidate = GW_SEC(12);
    c->handover.binding = GW_SEC(60);
    c->handover.location = GW_SEC(300);
    c->handover.retries = 4;
    c->handover.transfer.gain = 200;
    c->handover.transfer.again = GW_SEC(30);
    c->handover.transfer.rest = GW_SEC(10);
    c->handover.transfer.most = GW_SEC(10);
    c->notification = (struct gw_cfg_notification){.max_retries = 1, .min_delay = GW_SEC(1)};
}

void gw_config_free(struct gw_config *c)
{
    if (c == NULL)
        return;
    const struct gw_alloc *al = c->arena.al;

    /* Arena memory goes back as it is; keys must not. */
    for (size_t i = 0; i < c->npeers; i++)
        explicit_bzero(c->peers[i].keys, sizeof c->peers[i].keys);
    for (size_t i = 0; i < c->attachment.radius.nnas; i++)
        explicit_bzero(&c->attachment.radius.nas[i].secret, sizeof(struct gw_radius_secret));
    for (size_t i = 0; i < c->ninstances; i++)
        explicit_bzero(c->instances[i].token, sizeof c->instances[i].token);
    explicit_bzero(&c->steering.stamp.key, sizeof c->steering.stamp.key);
    gw_arena_free(&c->arena);
    gw_free(al, c, sizeof *c);
}
