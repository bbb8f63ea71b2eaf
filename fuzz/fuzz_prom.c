/* fuzz_prom.c: any octets as a Prometheus scrape, and as the name of a series. Views lie within the
 * text, reading ends, and what is read as a series is the series that it is.
 */
#include <stdlib.h>

#include "wire/prom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void demand_within(struct gw_prom_text t, const char *text, size_t size)
{
    demand(t.at >= text && t.len <= size && t.at + t.len <= text + size);
}

static void check(const struct gw_prom_series *s, const char *text, size_t size)
{
    demand_within(s->name, text, size);
    demand(s->name.len > 0 && s->nlabels <= GW_PROM_LABELS);
    for (size_t i = 0; i < s->nlabels; i++) {
        demand_within(s->label[i].name, text, size);
        demand_within(s->label[i].value, text, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct gw_prom p = gw_prom_begin(text, size);
    struct gw_prom_series s;
    double value;
    unsigned before = 0;
    int rc;

    while ((rc = gw_prom_next(&p, &s, &value)) > 0) {
        check(&s, text, size);
        demand(p.line > before);
        before = p.line;
    }
    demand(rc == 0 || rc == GW_EFORMAT);
    if (gw_prom_parse_series(text, size, &s) == 0) {
        check(&s, text, size);
        struct gw_prom_series bare = {.name = s.name};
        demand(gw_prom_is(&s, &bare, ""));
    }
    return 0;
}
