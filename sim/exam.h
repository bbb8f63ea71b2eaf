/* exam.h: what a domain in which nothing fails must do, and do at once: looked at when it has
 * settled after the faults. Under faults much is mended later by something else (a refresh, a
 * retransmission, the station's next packet), and who only looks at the end does not see what was
 * missing. Looked for are
 *
 * - steady: stations that are there and silent stay served;
 * - prompt: a handover, and a short absence, are over within seconds, in the way of the CMD's mode;
 * - restarts: a process that was killed goes on where it was, without a word of its stations;
 * - expires: what a MAAR does not refresh ends with its lifetime;
 *
 * and that strangers get nowhere: own-source, peers-only, authentic (judge.h).
 */
#ifndef SIM_EXAM_H
#define SIM_EXAM_H

#include "sim.h"

void sim_exam(struct sim *s);
void sim_attack(struct sim *s);    /* attack.c: by stations, strangers, and nodes that mean ill */
void sim_seal(struct sim_seen *m); /* gives a changed message the right checksum */

#endif
