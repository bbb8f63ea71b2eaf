/* fuzz_text.c: any text as an address, a prefix, a link-layer address. What is taken is printed,
 * and its print is read as the same.
 */
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[128], print[GW_TEXT_MAX], id[GW_MNID_TEXT_MAX];
    struct gw_addr a, a2;
    struct gw_prefix p, p2;
    struct gw_lladdr l, l2;

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (gw_parse_addr(text, &a) == 0)
        demand(gw_parse_addr(gw_fmt_addr(&a, print), &a2) == 0 && gw_addr_eq(&a, &a2));
    if (gw_parse_prefix(text, &p) == 0)
        demand(gw_parse_prefix(gw_fmt_prefix(&p, print), &p2) == 0 && gw_prefix_eq(&p, &p2));
    if (gw_parse_lladdr(text, &l) == 0)
        demand(gw_parse_lladdr(gw_fmt_lladdr(&l, print), &l2) == 0 && gw_lladdr_eq(&l, &l2));
    struct gw_mnid m = {size != 0 ? data[0] : 0, (uint8_t)size, data};
    demand(strlen(gw_fmt_mnid(&m, id)) < sizeof id);
    return 0;
}
