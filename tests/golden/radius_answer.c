/* radius_answer.c: for test_radius_codec.py: requests as hexadecimal digits, one a line, on the
 * standard input; of each what was read, and the answer, or the error's name. The secret is the
 * argument.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "wire/radius.h"

static size_t unhex(const char *text, uint8_t *out, size_t size)
{
    size_t n = 0;

    for (; n < size && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]);
         text += 2) {
        const char two[] = {text[0], text[1], '\0'};
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static void answer(const struct gw_radius_secret *secret, const uint8_t *data, size_t len)
{
    struct gw_radius_acct req;
    uint8_t out[GW_RADIUS_MAX];
    char sta[GW_TEXT_MAX];
    int err = gw_radius_parse(secret, data, len, &req);

    if (err < 0) {
        puts(gw_err_name(err));
        return;
    }
    printf("%u %.*s %s %.*s ", req.status, req.session_len,
           req.session_len > 0 ? (const char *)req.session : "",
           req.sta.len > 0 ? gw_fmt_lladdr(&req.sta, sta) : "-", req.nai.len,
           req.nai.len > 0 ? (const char *)req.nai.id : "");
    len = gw_radius_answer(secret, &req, out);
    for (size_t i = 0; i < len; i++)
        printf("%02x", out[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    static char text[2 * GW_RADIUS_MAX + 8];
    static uint8_t data[GW_RADIUS_MAX];
    struct gw_radius_secret secret = {0};

    if (argc != 2 || strlen(argv[1]) > sizeof secret.b)
        return 2;
    secret.len = (uint8_t)strlen(argv[1]);
    memcpy(secret.b, argv[1], secret.len);
    while (fgets(text, sizeof text, stdin) != NULL)
        answer(&secret, data, unhex(text, data, sizeof data));
    return 0;
}
