/* hold_tables.h: the data-plane tables of what is kept back while a client moves (hold.h), beside
 * those of tables.h, whose rules hold.
 *
 *   holds       client, direction, tunnel → id            (control plane writes)
 *   hold_of     id → state, counts                        (both write, each its own; mapped)
 *   keeper      one entry: who keeps packets              (control plane writes; mapped)
 */
#ifndef GW_PLANE_HOLD_TABLES_H
#define GW_PLANE_HOLD_TABLES_H

#include "plane/tables.h"

#define GW_HOLDS_MAX 65536u

struct gw_t_hold_key {
    __u64 upper; /* of the client's /64 (gw_t_key64) */
    __u32 up;    /* 1: what it sends to services; 0: what goes to it */
    __u32 _pad;
    struct gw_t_addr from; /* down: out of tunnels of this peer; zero: all */
};

enum gw_t_hold_state { GW_T_HOLD_KEEPS, GW_T_HOLD_RELEASED };
/* The counts are of frames and wrap: their difference matters, which is how many are with the
 * keeper. */
struct gw_t_hold {
    __u32 state; /* enum gw_t_hold_state */
    __u32 kept;  /* the packet path writes it */
    __u32 back;  /* the keeper */
    __u32 _pad;
};

/* Nothing is held for a keeper that has not been alive for so long. */
#define GW_KEEPER_ALIVE_NS 2000000000ull
struct gw_t_keeper {
    __u64 alive_ns; /* CLOCK_MONOTONIC */
    __u32 ifindex;  /* of its device */
    __u32 _pad;
};

/* What the path asks about a packet. */
struct gw_hold_ask {
    struct gw_t_hold_key key;
    __u32 frames; /* that it comes to */
    __u32 passes; /* it need not be kept, but stays behind what is */
    __u32 id;     /* the answer */
    __u32 _pad;
};

/* Destination addresses of frames between programs and keeper: GW_KEPT, the interface that the
 * packet came in on by its index in the configuration, the hold's id; and back: GW_KEPT_BACK, 0,
 * its ifindex. Both in network order. */
enum { GW_KEPT = 0x02, GW_KEPT_BACK = 0x06 };

/* The option header of a marker (hold.h): next header 59 (none), 16 octets, type 0x1e with 8
 * octets; these begin with the experiment's number and kind 2. */
#define GW_MARKER_HEAD 0x3b011e08u
#define GW_MARKER_KIND 0x47570200u

#endif
