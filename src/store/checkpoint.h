/* checkpoint.h: which state of the LMDB file is whole on the medium. Private to src/store and its
 * test; see lmdb.c for why it is needed.
 *
 * A file of two slots, written in turn: one that is torn by a power failure leaves the other. */
#ifndef GW_STORE_CHECKPOINT_H
#define GW_STORE_CHECKPOINT_H

#include <stdint.h>

#define GW_CKPT_META 512 /* octets: LMDB's meta page ends long before */

struct gw_ckpt {
    uint64_t magic, seq;
    char boot[48];              /* of the machine, when the state was written */
    uint64_t page_size;         /* LMDB's */
    uint8_t meta[GW_CKPT_META]; /* the start of LMDB's meta page of that state */
    uint64_t sum;
};

void gw_ckpt_boot(char out[48]); /* of the running kernel; empty if it does not say */

/* The newest whole slot. 0, GW_ENOENT (none), or GW_ESYS. */
int gw_ckpt_read(int fd, struct gw_ckpt *out);
/* Completes c (magic, sum) and writes it to the slot of c->seq, down to the medium. 0 or GW_ESYS.
 */
int gw_ckpt_write(int fd, struct gw_ckpt *c);

/* The meta page of transaction txn, as it is in the data file now. 0, GW_EFORMAT (it is not there),
 * or GW_ESYS. */
int gw_ckpt_take(int data_fd, uint64_t page_size, uint64_t txn, struct gw_ckpt *out);
/* Makes the data file, which nobody has open as a database, be in that state. 0 or GW_ESYS. */
int gw_ckpt_restore(int data_fd, const struct gw_ckpt *c);

#endif
