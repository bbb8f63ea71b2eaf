/* clock.c: the only place that reads a clock. */
#include "sys/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct gw_time gw_clock_mono(void)
{
    return (struct gw_time){read_clock(CLOCK_MONOTONIC)};
}

struct gw_now gw_clock_now(void)
{
    return (struct gw_now){gw_clock_mono(), read_clock(CLOCK_REALTIME)};
}
