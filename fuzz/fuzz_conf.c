/* fuzz_conf.c: any text as a configuration. What is accepted must have a normal form that is
 * accepted too and is its own normal form.
 */
#include <stdlib.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_conf_model *model; /* compiled once; the harness is one thread */

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static int read_secret(void *user, const char *path, char *buf, size_t size, size_t *len,
                       const char **why)
{
    static const char key[] = "000102030405060708090a0b0c0d0e0f\n";

    (void)user;
    (void)path;
    (void)why;
    *len = sizeof key - 1 < size ? sizeof key - 1 : size;
    memcpy(buf, key, *len);
    return 0;
}

static char *show(const char *text, size_t len)
{
    const struct gw_conf_report silent = {0};
    const struct gw_conf_source src = {
        .name = "fuzz", .dir = "/d", .text = text, .len = len, .read_secret = read_secret};
    char *out = NULL;

    (void)gw_conf_show_text(model, &src, false, &silent, &out);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (model == NULL)
        model = gw_conf_model_new();
    demand(model != NULL);
    char *once = show((const char *)data, size);
    if (once == NULL)
        return 0;
    char *twice = show(once, strlen(once));
    demand(twice != NULL && strcmp(once, twice) == 0);
    free(once);
    free(twice);
    return 0;
}
