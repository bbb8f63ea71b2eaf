/* post.h: messages of CATS that are said until they are acknowledged, one at a time to each
 * receiver (MAPPING, SELECTION, PATHS; UPDATE has its own way in flood.c). A message without answer
 * is not repeated but made anew, so that it says what is so then.
 */
#ifndef GW_FN_METRIC_POST_H
#define GW_FN_METRIC_POST_H

#include "fn/metric/metric.h"

struct gw_post {
    struct gw_metric *m; /* whose message, buffer, numbers and times are used */
    struct gw_addr to;
    void *owner;
    /* Puts what is to be said now into m->out, with sequence number p->seq; false: nothing. */
    bool (*build)(struct gw_post *p);
    void (*acked)(struct gw_post *p);
    void (*lost)(struct gw_post *p); /* no answer to m->cfg->tries messages */
    struct gw_time pace;             /* at least so long between two */
    struct gw_time first;            /* retransmission; it doubles, up to m->cfg->retransmit_max */
    bool waiting;
    uint32_t seq;
    unsigned tries;
    struct gw_time sent;
    struct gw_timer timer;
};

/* Of a zeroed post whose fields up to `first` are set. */
void gw_post_init(struct gw_post *p);
void gw_post_stop(struct gw_post *p);
void gw_post_soon(struct gw_post *p); /* there is something to say */
/* 0: it was for this one; GW_ENOENT. */
int gw_post_ack(struct gw_post *p, uint32_t seq);
/* Acknowledges a message. */
void gw_post_answer(struct gw_metric *m, const struct gw_addr *to, uint32_t seq);

#endif
