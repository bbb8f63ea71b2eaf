/* decode_put.h: members of the JSON objects of `godwit decode`. An out-of-memory leaves them out.
 */
#ifndef GW_CLI_DECODE_PUT_H
#define GW_CLI_DECODE_PUT_H

#include <jansson.h>

#include "base/text.h"
#include "wire/mh.h"

static inline void put_num(json_t *obj, const char *key, uint64_t v)
{
    (void)json_object_set_new(obj, key, json_integer((json_int_t)v));
}

static inline void put_str(json_t *obj, const char *key, const char *v)
{
    (void)json_object_set_new(obj, key, json_string(v));
}

static inline void put_bool(json_t *obj, const char *key, bool v)
{
    (void)json_object_set_new(obj, key, json_boolean(v));
}

static inline void put_addr(json_t *obj, const char *key, const struct gw_addr *a)
{
    char text[GW_TEXT_MAX];

    put_str(obj, key, gw_fmt_addr(a, text));
}

static inline void put_lladdr(json_t *obj, const char *key, const struct gw_lladdr *l)
{
    char text[GW_TEXT_MAX];

    put_str(obj, key, gw_fmt_lladdr(l, text));
}

static inline void put_hex(json_t *obj, const char *key, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * GW_MH_MAX + 1];

    if (len > GW_MH_MAX)
        len = GW_MH_MAX;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = '\0';
    put_str(obj, key, text);
}

#endif
