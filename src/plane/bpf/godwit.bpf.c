/* godwit.bpf.c: one object with both programs, so that they share their maps. bpf_fib_lookup is
 * for GPL-compatible programs only, hence the second licence. */
#include "plane/bpf/tc.h"
#include "plane/bpf/xdp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
