/* transfer.h: what egresses say to each other while the state of a transaction is on its way
 * between them (doc/handover.md, figure 3), inside TLS: frames of one octet of type, four of
 * length, big endian, and so many octets. Pure.
 *
 *   old egress                        new egress
 *     HELLO (which transaction)   ->
 *                                 <-    AT (from which octet on; again as it gets on)
 *     DATA ...                    ->
 *     END (how many there were)   ->
 *                                 <-    AT (all of them, and the instance holds them), or
 *                                       NO (why not)
 */
#ifndef GW_WIRE_TRANSFER_H
#define GW_WIRE_TRANSFER_H

#include "base/types.h"

#define GW_TFRAME_HEAD 5u
#define GW_TFRAME_MOST 16384u /* octets behind the head */
#define GW_TFRAME_MAX  (GW_TFRAME_HEAD + GW_TFRAME_MOST)

enum gw_tframe_type {
    GW_TFRAME_HELLO = 1,
    GW_TFRAME_AT = 2,
    GW_TFRAME_DATA = 3,
    GW_TFRAME_END = 4,
    GW_TFRAME_NO = 5,
};
struct gw_tframe {
    uint8_t type; /* enum gw_tframe_type */
    union {
        struct {
            struct gw_addr ingress; /* whose number `id` is */
            uint64_t id;
        } hello;
        uint64_t octets; /* AT, END */
        struct {
            const uint8_t *octets; /* in the buffer that was read */
            size_t len;
        } data;
        uint8_t code; /* NO: enum gw_transfer_code */
    };
};

/* The octets that the first frame takes up; 0: it is not all there; GW_EFORMAT. */
int gw_tframe_read(const uint8_t *buf, size_t len, struct gw_tframe *f);
/* Octets written; at least GW_TFRAME_HEAD + data.len, and at most GW_TFRAME_MAX are needed. */
size_t gw_tframe_write(const struct gw_tframe *f, uint8_t out[static GW_TFRAME_MAX]);

#endif
