/* fuzz_schedule.c: any text as a schedule of the simulator. What is taken is written in a form that
 * reads back as the same; what is not is refused with its place and word.
 */
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static struct sim_schedule *take(const void *text, size_t len, bool must)
{
    char why[256] = "";
    FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");

    demand(f != NULL);
    struct sim_schedule *s = sim_schedule_read(f, "text", why, sizeof why);
    demand((s == NULL) == (why[0] != '\0') && (!must || s != NULL));
    (void)fclose(f);
    return s;
}

static char *print(const struct sim_schedule *s, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    demand(f != NULL);
    sim_schedule_write(s, f);
    demand(fclose(f) == 0);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len, again;

    if (size == 0)
        return 0;
    struct sim_schedule *s = take(data, size, false);
    if (s == NULL)
        return 0;
    char *once = print(s, &len);
    struct sim_schedule *back = take(once, len, true);
    char *twice = print(back, &again);
    demand(len == again && memcmp(once, twice, len) == 0);
    free(once);
    free(twice);
    sim_schedule_free(s);
    sim_schedule_free(back);
    return 0;
}
