/* judge.h: what is judged in the moment that it happens, over all that nodes do to frames, believe
 * of messages, tell stations, and put off. Each rule is one of the RFCs' or of ARCHITECTURE's "What
 * always holds", said once more and apart from the code that keeps it; what breaks it ends the run
 * under the invariant's name (doc/simulator.md). Off in worlds that a test makes for itself
 * (sim.judged), which may do on purpose what is forbidden here.
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "sim.h"

struct sim_frame {
    const uint8_t *data;
    size_t len;
};
/* A frame that a packet path has sent on: as it came and as it went. core: it came from there; air:
 * it goes to a station. */
void sim_judge_frame(struct sim *s, const struct sim_node *n, bool core, const struct sim_frame *in,
                     bool air, const struct sim_frame *out);
/* A Mobility Header message comes to a node. made_up: its sender has never said that. */
void sim_judge_message(struct sim *s, struct sim_node *n, const struct gw_mh_addrs *a,
                       const uint8_t *data, size_t len, bool made_up);
/* One leaves for a node: from its sender, not a copy of what it has sent. */
void sim_judge_sent(struct sim *s, const struct sim_node *to, const uint8_t *data, size_t len);
/* What a node says to a station. */
void sim_judge_nd(struct sim *s, const struct sim_node *n, const struct gw_lladdr *src,
                  const struct gw_lladdr *dst, const uint8_t *data, size_t len);
/* A registration is acknowledged: of the prefix, with this serving MAAR. */
void sim_judge_durable(struct sim *s, const struct sim_node *n, const struct sim_station *h,
                       const struct gw_addr *serving, const struct gw_prefix *p);
/* The acknowledgement itself: what a relay may say yet (RFC 8885 §3.2). */
void sim_judge_relay(struct sim *s, const struct sim_node *n, const struct gw_mh *m);
/* A message as it leaves: the alignment of its options (RFC 6275 §6.2.1). */
/* count.c: from here on, if nothing goes wrong in the schedule; a message is being sent; a look. */
void sim_count_begin(struct sim *s);
void sim_count_end(struct sim *s);
void sim_count_message(struct sim *s, size_t from, size_t to, const struct gw_mh_addrs *a,
                       const uint8_t *data, size_t len);
void sim_count_arrived(struct sim *s, size_t to, const struct gw_mh_addrs *a, const uint8_t *data,
                       size_t len);
void sim_count_judge(struct sim *s);
void sim_judge_octets(struct sim *s, const struct sim_node *n, const struct gw_mh_addrs *a,
                      const uint8_t *data, size_t len);
/* At each look: is anything overdue at a CMD or MAAR, or free that is in use? */
void sim_judge_node(struct sim *s, const struct sim_node *n);

#endif
