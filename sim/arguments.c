/* arguments.c: see arguments.h. */
#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>

void sim_refuse(const char *command, const char *option, const char *text, const char *wanted)
{
    (void)fprintf(stderr, "godwit-sim%s%s: --%s takes %s, not \"%s\"\n", command != NULL ? " " : "",
                  command != NULL ? command : "", option, wanted, text);
    exit(2);
}
