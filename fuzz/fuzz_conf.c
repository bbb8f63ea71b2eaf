/* fuzz_conf.c: any text as a configuration. What is accepted must have a normal form that is
 * accepted too and is its own normal form.
 */
#include <assert.h>
#include <stdlib.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_conf_model *model; /* compiled once; the harness is one thread */

static char *show(const char *text, size_t len)
{
    const struct gw_conf_report silent = {0};
    const struct gw_conf_source src = {.name = "fuzz", .text = text, .len = len};
    char *out = NULL;

    (void)gw_conf_show_text(model, &src, false, &silent, &out);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (model == NULL)
        model = gw_conf_model_new();
    assert(model != NULL);
    char *once = show((const char *)data, size);
    if (once == NULL)
        return 0;
    char *twice = show(once, strlen(once));
    assert(twice != NULL && strcmp(once, twice) == 0);
    free(once);
    free(twice);
    return 0;
}
