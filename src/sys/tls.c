/* tls.c: see tls.h.
 *
 * Decisions of this implementation:
 * - No session is resumed: a transfer that was cut off begins with certificates again.
 * - The common name of a certificate counts for nothing (RFC 9525 §6.1).
 */
#include "sys/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gw_tls_ctx {
    SSL_CTX *ssl;
};
struct gw_tls {
    SSL *ssl;
    BIO *in, *out;
};

static int because(struct gw_tls_why *why, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

    (void)snprintf(why->text, sizeof why->text, "%s: %s", what,
                   reason != NULL ? reason : "no reason given");
    ERR_clear_error();
    return GW_EAUTH;
}

static int load(SSL_CTX *s, const char *certificate, const char *key, const char *authority,
                struct gw_tls_why *why)
{
    if (SSL_CTX_set_min_proto_version(s, TLS1_3_VERSION) != 1)
        return because(why, "TLS 1.3");
    if (SSL_CTX_use_certificate_chain_file(s, certificate) != 1)
        return because(why, certificate);
    if (SSL_CTX_use_PrivateKey_file(s, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(s) != 1)
        return because(why, key);
    if (SSL_CTX_load_verify_file(s, authority) != 1)
        return because(why, authority);
    return 0;
}

int gw_tls_ctx_new(const char *certificate, const char *key, const char *authority,
                   struct gw_tls_ctx **out, struct gw_tls_why *why)
{
    struct gw_tls_ctx *c = calloc(1, sizeof *c);
    int err = GW_ENOMEM;

    *out = NULL;
    if (c != NULL && (c->ssl = SSL_CTX_new(TLS_method())) != NULL)
        err = load(c->ssl, certificate, key, authority, why);
    else
        (void)snprintf(why->text, sizeof why->text, "out of memory");
    if (err != 0) {
        gw_tls_ctx_free(c);
        return err;
    }
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c->ssl, 0);
    *out = c;
    return 0;
}

void gw_tls_ctx_free(struct gw_tls_ctx *c)
{
    if (c != NULL)
        SSL_CTX_free(c->ssl);
    free(c);
}

struct gw_tls *gw_tls_new(struct gw_tls_ctx *c, bool server)
{
    struct gw_tls *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->ssl = SSL_new(c->ssl);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
        BIO_free(t->in);
        BIO_free(t->out);
        SSL_free(t->ssl);
        free(t);
        return NULL;
    }
    BIO_set_mem_eof_return(t->in, -1);
    SSL_set_bio(t->ssl, t->in, t->out); /* which are its own from now on */
    if (server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return t;
}

void gw_tls_free(struct gw_tls *t)
{
    if (t != NULL)
        SSL_free(t->ssl);
    free(t);
}

int gw_tls_put(struct gw_tls *t, const uint8_t *data, size_t len)
{
    return len == 0 || BIO_write(t->in, data, (int)len) == (int)len ? 0 : GW_ENOMEM;
}

size_t gw_tls_take(struct gw_tls *t, uint8_t *out, size_t size)
{
    int n = size > 0 ? BIO_read(t->out, out, (int)size) : 0;

    return n > 0 ? (size_t)n : 0;
}

int gw_tls_read(struct gw_tls *t, uint8_t *out, size_t size, struct gw_tls_why *why)
{
    ERR_clear_error();
    int n = SSL_read(t->ssl, out, (int)size);

    if (n > 0)
        return n;
    int e = SSL_get_error(t->ssl, n);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return 0;
    if (e == SSL_ERROR_ZERO_RETURN)
        return GW_ENOENT;
    return because(why, "TLS");
}

int gw_tls_write(struct gw_tls *t, const uint8_t *data, size_t len)
{
    if (!gw_tls_up(t))
        return GW_EAGAIN;
    ERR_clear_error();
    return SSL_write(t->ssl, data, (int)len) == (int)len ? 0 : GW_EAUTH;
}

bool gw_tls_up(const struct gw_tls *t)
{
    return SSL_is_init_finished(t->ssl) == 1;
}

bool gw_tls_names(const struct gw_tls *t, const struct gw_addr *a, const char *name)
{
    X509 *cert = gw_tls_up(t) ? SSL_get1_peer_certificate(t->ssl) : NULL;
    bool is = cert != NULL && (X509_check_ip(cert, a->b, 16, 0) == 1 ||
                               X509_check_host(cert, name, strlen(name),
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1);

    X509_free(cert);
    return is;
}
