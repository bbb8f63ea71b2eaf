/* sandbox.c: see sandbox.h. Entered when everything is open, so that opening raw sockets, loading
 * programs, mounting and setting up links are no longer possible afterwards: whoever takes over
 * the process through a message from the network gets a forwarding node, not the machine.
 *
 * The capabilities are what the calls after the start ask for: NET_ADMIN for routes, tc, XDP and
 * bridge entries, NET_RAW for ancillary data of raw sockets, BPF for the maps (Linux 6.1 asks for
 * it with every bpf(2) when unprivileged BPF is off), and where an agent moves connections to
 * instances
 * (`connects`) NET_BIND_SERVICE, as they are of ports below 1024. Not among them: DAC_OVERRIDE, so
 * what is read again by a reload must be readable by the daemon's user.
 *
 * The list of system calls is what this program, libuv, LMDB, libyang, libfyaml, libbpf, libmnl and
 * glibc use between the end of the start and the exit, on kernels from 6.1. Threads are allowed,
 * processes are not: clone3 keeps its flags in memory, where a filter cannot look, so it
 * answers ENOSYS and glibc falls back to clone.
 */
#include "sys/sandbox.h"

#include "base/err.h"

#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define N(array) (sizeof(array) / sizeof *(array))

static const int kept[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_NET_BIND_SERVICE};

static const int allowed[] = {
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* threads, signals, the end */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(prlimit64),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time and chance */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(getrandom),
    /* descriptors */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(ioctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(dup3),
    /* files: configuration, secrets, log, store, pins */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(umask),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(msync),
    /* sockets that exist, and new ones of the kinds below */
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(shutdown),
    /* the packet path, and who we are */
    SCMP_SYS(bpf),
    SCMP_SYS(uname),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
#ifdef GODWIT_SANITIZE
    /* AddressSanitizer's search for leaks traces the process from a copy of it. */
    SCMP_SYS(clone),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(prctl),
    SCMP_SYS(getppid),
    SCMP_SYS(getrusage),
    SCMP_SYS(getdents),
    SCMP_SYS(pipe),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(kill),
#endif
};

/* What a daemon that was started with less than root's capabilities has not, it cannot keep. */
static int drop_capabilities(bool connects)
{
    capng_select_t sets = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
    bool had[N(kept)];
    if (capng_get_caps_process() < 0)
        return -1;
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
        sets |= CAPNG_SELECT_BOUNDS; /* without it, no_new_privs makes them worthless anyway */
    for (size_t i = 0; i < N(kept); i++)
        had[i] = capng_have_capability(CAPNG_PERMITTED, (unsigned)kept[i]) &&
                 (connects || kept[i] != CAP_NET_BIND_SERVICE);
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t i = 0; i < N(kept); i++)
        if (had[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)kept[i]);
    return capng_apply(sets);
}

/* Keys are in memory. */
static int forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

static int allow_by_name(scmp_filter_ctx f)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < N(allowed); i++)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
    return rc;
}

/* Control connections and access events, TCP where an agent checks instances; no raw or packet
 * socket. (clang wants a comparison's
 * second datum written out.) */
static int allow_sockets(scmp_filter_ctx f, bool connects)
{
    static const scmp_datum_t any[] = {AF_UNIX, AF_NETLINK}, datagram[] = {AF_INET, AF_INET6};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < N(any); i++)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                              SCMP_A0_64(SCMP_CMP_EQ, any[i], 0));
    for (size_t i = 0; rc == 0 && i < N(datagram); i++)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                              SCMP_A0_64(SCMP_CMP_EQ, datagram[i], 0),
                              SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
    if (rc == 0 && connects)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                              SCMP_A0_64(SCMP_CMP_EQ, datagram[1], 0),
                              SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
    return rc;
}

static int allow_threads(scmp_filter_ctx f)
{
    int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
#ifndef GODWIT_SANITIZE
    if (rc == 0)
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (rc == 0) /* the name of a thread, which debuggers and top show */
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                              SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME, 0));
#endif
    return rc;
}

static int filter_calls(bool enforce, bool connects)
{
    uint32_t otherwise = enforce ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_LOG;
    scmp_filter_ctx f = seccomp_init(otherwise);
    if (f == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, otherwise);
    if (rc == 0)
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    if (rc == 0)
        rc = allow_by_name(f);
    if (rc == 0)
        rc = allow_sockets(f, connects);
    if (rc == 0)
        rc = allow_threads(f);
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    errno = -rc;
    return rc < 0 ? -1 : 0;
}

int gw_sandbox_enter(bool enforce, bool connects, const char **what)
{
    *what = "no_new_privs";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return GW_ESYS;
    *what = "dumps of memory";
    if (forbid_dumps() < 0)
        return GW_ESYS;
    *what = "capabilities";
    if (drop_capabilities(connects) < 0)
        return GW_ESYS;
    *what = "system call filter";
    return filter_calls(enforce, connects) < 0 ? GW_ESYS : 0;
}
