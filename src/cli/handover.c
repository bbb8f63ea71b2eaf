/* handover.c: the times of a handover for people. A node gives points on its monotonic clock, which
 * say nothing by themselves and can be compared between nodes of one machine (--json keeps them).
 */
#include "cli/cli.h"

#define NS_PER_US 1000

static json_int_t first_step(const json_t *steps)
{
    json_int_t first = 0;
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)steps, key, v)
    {
        if (json_is_integer(v) && (first == 0 || json_integer_value(v) < first))
            first = json_integer_value(v);
    }
    return first;
}

/* Each time in `of` since `base`; what did not happen (0) is left out. */
static json_t *since(const json_t *of, json_int_t base)
{
    json_t *out = json_object(), *v;
    const char *key;

    json_object_foreach((json_t *)of, key, v)
    {
        if (!json_is_integer(v))
            (void)json_object_set(out, key, v);
        else if (json_integer_value(v) != 0)
            (void)json_object_set_new(out, key,
                                      json_integer((json_integer_value(v) - base) / NS_PER_US));
    }
    return out;
}

void gw_cli_relative_steps(json_t *rows)
{
    json_t *row, *prev, *steps;
    size_t i, k;

    json_array_foreach(rows, i, row)
    {
        steps = json_object_get(row, "steps");
        json_int_t base = first_step(steps);
        json_t *previous = json_object_get(row, "previous_maars");
        if (!json_is_object(steps))
            continue;
        json_array_foreach(previous, k, prev)
        {
            (void)json_array_set_new(previous, k, since(prev, base));
        }
        (void)json_object_set_new(row, "steps_us", since(steps, base));
        (void)json_object_del(row, "steps");
    }
}
