/* host.h: how busy this machine is, or the control group this process is confined to, whichever is
 * nearer to its limit: CPU (/proc/stat; cpu.max and cpu.stat), memory (/proc/meminfo;
 * memory.max and memory.current) and stalls (/proc/pressure, "some avg10", the worst of CPU,
 * memory and I/O). What the kernel does not tell is left out.
 *
 * Only control groups of version 2 are looked at: of version 1 each controller has a place of its
 * own, and Debian 12 has not used it by default since 11.
 */
#ifndef GW_SYS_HOST_H
#define GW_SYS_HOST_H

#include "base/types.h"
#include "fn/metric/score.h"

#define GW_HOST_PATH 512

struct gw_host {
    char proc[GW_HOST_PATH], cgroup[GW_HOST_PATH]; /* cgroup "": none */
    uint64_t busy, total;                          /* of the CPUs, at the last look, ticks */
    uint64_t used_us;                              /* of the control group */
    struct gw_time at;                             /* of used_us; 0: not yet */
};

/* proc: "/proc"; cgroups: where version 2 is mounted, "/sys/fs/cgroup". */
void gw_host_open(struct gw_host *h, const char *proc, const char *cgroups);
/* Adds CPU (since the look before; not at the first), MEMORY and PRESSURE, in 1/1000. now:
 * monotonic. */
void gw_host_sample(struct gw_host *h, struct gw_time now, struct gw_metric_raw *raw);

#endif
