/* arguments.h: what the commands of godwit-sim share in reading their arguments. */
#ifndef SIM_ARGUMENTS_H
#define SIM_ARGUMENTS_H

/* Says what --option takes and ends the process with status 2. command: "scale"; NULL: godwit-sim
 * without one. wanted: "a number". */
_Noreturn void sim_refuse(const char *command, const char *option, const char *text,
                          const char *wanted);

#endif
