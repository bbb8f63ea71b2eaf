/* sandbox.h: what the process may still do once it runs. */
#ifndef GW_SYS_SANDBOX_H
#define GW_SYS_SANDBOX_H

#include <stdbool.h>

/* connects: it opens TCP connections (a metric agent's checks). Gives up, for good and for the
 * whole process: every capability but those a running daemon needs, the bounding and ambient sets,
 * new privileges by execve, dumps of memory, and every system call outside the list: such a call
 * ends the process (SIGSYS) or, unless `enforce`, is done and logged by the kernel. Must be called
 * before the process has a second thread. 0, or GW_ESYS with errno, and in *what the name of the
 * step that failed; what came before it holds. */
int gw_sandbox_enter(bool enforce, bool connects, const char **what);

#endif
