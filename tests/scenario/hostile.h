/* hostile.h: each of a table of hand-written Mobility Header messages, to a node in one state, from
 * a peer that signs rightly and from an address that nobody has configured. None of them may change
 * what `godwit show` says, the durable records, or the packet path's tables; each is counted; a
 * stranger is never answered; at the end no memory is left (w_free). Messages that rightly change
 * something are in test_signal.c and test_lma.c.
 *
 * The world has another mobile node (2, at node 2), so that there are others' prefixes to ask for.
 * Answers to the messages are lost, so that only the node under test can change.
 */
#ifndef TESTS_SCENARIO_HOSTILE_H
#define TESTS_SCENARIO_HOSTILE_H

#include "world.h"

/* Who is attacked: node 0, which is the CMD or the LMA, in the name of node 1; or node 1, which is
 * a MAAR or a MAG and serves (or not) mobile node 1, in the name of node 0. */
#define HOSTILE_CENTRE 0
#define HOSTILE_EDGE   1

/* All of the table, to a node whose state is what it says. Frees the world. */
void hostile_attack(struct world *w, size_t to, const char *state);
/* What a node shows (counters apart), stores and wants of its packet path, and its next deadline,
 * as text to be freed. */
char *hostile_snapshot(struct world *w, size_t node);
int hostile_lose(struct world *w, struct sim_message *e); /* a tap: everything is lost */

#endif
