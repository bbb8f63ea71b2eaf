/* build_secret.c: keys and other secrets, in the configuration or in files of their own. What is
 * read of a file is wiped where it is not kept.
 */
#include "conf/build.h"
#include "conf/check.h"

#define SECRET_SIZE 64u /* octets of a key, at most */

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 16 to 64 octets as digits; 0 when they are none. */
static uint8_t unhex(const char *text, size_t len, uint8_t out[static SECRET_SIZE])
{
    if (len % 2 != 0 || len < 32 || len > (size_t)2 * SECRET_SIZE)
        return 0;
    for (size_t i = 0; i < len; i += 2) {
        int hi = nibble(text[i]), lo = nibble(text[i + 1]);
        if (hi < 0 || lo < 0)
            return 0;
        out[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    return (uint8_t)(len / 2);
}

const char *gw_build_secret_file(struct gw_build *b, const struct lyd_node *leaf,
                                 char text[static GW_BUILD_SECRET_MAX], size_t *len)
{
    const char *path = lyd_get_value(leaf), *why = "files cannot be read here", *from = text;

    if (b->src->read_secret == NULL ||
        b->src->read_secret(b->src->user, path, text, GW_BUILD_SECRET_MAX, len, &why) != 0) {
        gw_conf_fault(b->err, leaf, "%s: %s, expected a file with a key", path, why);
        return NULL;
    }
    for (; *len > 0 && strchr(" \t\r\n", *from) != NULL && *from != '\0'; from++)
        (*len)--;
    while (*len > 0 && from[*len - 1] != '\0' && strchr(" \t\r\n", from[*len - 1]) != NULL)
        (*len)--;
    return from;
}

uint8_t gw_build_secret(struct gw_build *b, const struct lyd_node *in, uint8_t out[static 64])
{
    const struct lyd_node *file = gw_conf_child(in, "secret-file");
    const char *secret = gw_conf_str(in, "secret");
    char text[GW_BUILD_SECRET_MAX];
    size_t len = 0;
    uint8_t n;

    if (file == NULL)
        return secret != NULL ? unhex(secret, strlen(secret), out) : 0; /* validated */
    const char *from = gw_build_secret_file(b, file, text, &len);
    n = from != NULL ? unhex(from, len, out) : 0;
    if (from != NULL && n == 0)
        gw_conf_fault(b->err, file,
                      "%s: bad key (not shown), expected 16 to 64 octets as an even "
                      "number of hexadecimal digits and nothing else",
                      lyd_get_value(file));
    explicit_bzero(text, sizeof text);
    return n;
}
