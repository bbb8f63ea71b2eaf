/* carry.h: what one agent sends to another when a transaction moves between their instances: a
 * stream of records, read piece by piece as it arrives, so that no side holds more of it than it
 * must. Pure.
 *
 *   "GWMV"  version (2)  0 (2)   then records:   type (1)  0 (3)  length (4)  octets
 *
 *   STATE       octets of the application's own state; any number of them, in order
 *   CONNECTION  label (4), by which the application knows it; an established TCP connection
 * (tcp_state.h) END         octets of state (8), connections (4): what there was; nothing follows
 *
 * Confidentiality and integrity are the transport's (TLS between egresses).
 */
#ifndef GW_WIRE_CARRY_H
#define GW_WIRE_CARRY_H

#include "base/types.h"

#define GW_CARRY_VERSION     1
#define GW_CARRY_HEAD        8 /* octets, of the stream and of a record */
#define GW_CARRY_LABEL       4 /* octets in front of a connection */
#define GW_CARRY_END_SIZE    12
#define GW_CARRY_STATE_MAX   65536 /* octets of one record */
#define GW_CARRY_CONNECTIONS 256   /* of one stream */

enum gw_carry_record { GW_CARRY_STATE = 1, GW_CARRY_CONNECTION = 2, GW_CARRY_END = 3 };

/* Into buf, which has room for GW_CARRY_HEAD octets; GW_CARRY_END_SIZE more for the last one. */
void gw_carry_write_begin(uint8_t *buf);
void gw_carry_write_record(uint8_t *buf, enum gw_carry_record type, uint32_t len);
void gw_carry_write_end(uint8_t *buf, uint64_t state, uint32_t connections);

struct gw_carry_reader {
    uint64_t most;   /* octets of the whole stream; more is an error */
    uint64_t octets; /* read so far */
    uint64_t state;  /* of these, of state */
    uint32_t connections;
    bool begun, ended;
    uint8_t head[GW_CARRY_END_SIZE]; /* what has come of a head, or of the last record */
    size_t nhead;
    enum gw_carry_record type; /* of the record under way */
    uint32_t len, left;        /* of it, and not yet read; left 0: none is under way */
};
/* What has come: octets of a record, the views of the input. */
struct gw_carry_piece {
    enum gw_carry_record type;
    uint32_t total; /* of the record */
    uint32_t at;    /* of the first octet, in the record */
    const uint8_t *octets;
    size_t len;
    bool last; /* of the record; the END record has no other piece */
};

struct gw_carry_reader gw_carry_reader_make(uint64_t most);
/* The next piece of the len octets at in; *used of them are done with. 1: *out has it; 0: all was
 * used, more is needed; GW_EFORMAT, GW_EVERSION, GW_EFULL: *why has a text that stays, and nothing
 * may follow. */
int gw_carry_read(struct gw_carry_reader *r, const uint8_t *in, size_t len, size_t *used,
                  struct gw_carry_piece *out, const char **why);

#endif
