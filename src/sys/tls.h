/* tls.h: one end of a TLS 1.3 connection (RFC 8446) with certificates on both sides, over octets
 * that somebody else carries. OpenSSL with memory BIOs: no socket, no callback, nothing blocks.
 */
#ifndef GW_SYS_TLS_H
#define GW_SYS_TLS_H

#include "base/err.h"
#include "base/types.h"

struct gw_tls_ctx;
struct gw_tls;
struct gw_tls_why {
    char text[192];
};

/* PEM files: this end's certificate (and what leads from it to the authority's), its key, and the
 * authorities whose certificates are believed. 0, GW_ENOMEM, or GW_EAUTH: a file cannot be used. */
int gw_tls_ctx_new(const char *certificate, const char *key, const char *authority,
                   struct gw_tls_ctx **out, struct gw_tls_why *why);
void gw_tls_ctx_free(struct gw_tls_ctx *c);

struct gw_tls *gw_tls_new(struct gw_tls_ctx *c, bool server); /* NULL: no memory */
void gw_tls_free(struct gw_tls *t);

/* Octets that came from the other end. GW_ENOMEM. */
int gw_tls_put(struct gw_tls *t, const uint8_t *data, size_t len);
/* Octets that are to go to the other end; 0: none at present. */
size_t gw_tls_take(struct gw_tls *t, uint8_t *out, size_t size);
/* Goes on with the handshake, and reads. Octets; 0: none at present; GW_ENOENT: the other end has
 * closed; GW_EAUTH: refused by either end, or broken: *why says it. */
int gw_tls_read(struct gw_tls *t, uint8_t *out, size_t size, struct gw_tls_why *why);
/* 0; GW_EAGAIN: the handshake is not over; GW_EAUTH. */
int gw_tls_write(struct gw_tls *t, const uint8_t *data, size_t len);
bool gw_tls_up(const struct gw_tls *t); /* the handshake is over */
/* Does the other end's certificate name that address (subjectAltName, iPAddress) or that node
 * (dNSName)? Only when it is up. */
bool gw_tls_names(const struct gw_tls *t, const struct gw_addr *a, const char *name);

#endif
