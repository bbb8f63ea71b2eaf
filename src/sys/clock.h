/* clock.h: what time it is, for those who may ask. */
#ifndef GW_SYS_CLOCK_H
#define GW_SYS_CLOCK_H

#include "base/types.h"

struct gw_time gw_clock_mono(void); /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
struct gw_now gw_clock_now(void);

#endif
