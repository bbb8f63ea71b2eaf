/* text.h: addresses, prefixes and identities as people write them, both ways. Pure. */
#ifndef GW_BASE_TEXT_H
#define GW_BASE_TEXT_H

#include "base/types.h"

/* Large enough for any of the formatters but gw_fmt_mnid. */
#define GW_TEXT_MAX 64
/* Large enough for gw_fmt_mnid: 255 octets, each as \xHH. */
#define GW_MNID_TEXT_MAX 1024

/* Each writes a NUL-terminated text into buf and returns buf. */
const char *gw_fmt_addr(const struct gw_addr *a, char buf[static GW_TEXT_MAX]); /* 2001:db8::1 */
const char *gw_fmt_prefix(const struct gw_prefix *p, char buf[static GW_TEXT_MAX]); /* .../64 */
const char *gw_fmt_lladdr(const struct gw_lladdr *l, char buf[static GW_TEXT_MAX]); /* 02:00:.. */
/* EUI-48 "02:00:00:00:00:01", NAI "user@realm" (backslash, space and what does not
 * print as \xHH), others "N:hex", N being the subtype. */
const char *gw_fmt_mnid(const struct gw_mnid *m, char buf[static GW_MNID_TEXT_MAX]);

/* Each returns 0 or GW_EFORMAT; *out is untouched on error. */
int gw_parse_addr(const char *text, struct gw_addr *out);
int gw_parse_prefix(const char *text, struct gw_prefix *out); /* host bits set: GW_EINVAL */
int gw_parse_lladdr(const char *text, struct gw_lladdr *out); /* 6 or 8 octets */

#endif
