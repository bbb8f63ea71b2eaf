/* chat.h: what the example server answers: a conversation's long answer, token by token, from a
 * context that it has read before. Not a model, but built like one where moving it is concerned: a
 * large memory (the context, 4 KiB a token, as key-value caches are) and a small state, and every
 * token depends on both: one octet lost, and the answer is another one. When tokens come is from a
 * trace of a real service. */
#ifndef CHAT_H
#define CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAT_BLOCK       4096    /* octets of context per token of it */
#define CHAT_CONTEXT_MAX 65536   /* tokens */
#define CHAT_TOKEN_MAX   16      /* octets of a token's text, with its end */
#define CHAT_HEAD        (8 * 8) /* octets of a conversation's state but for its context */

/* Time per token: of a trace with the columns TIMESTAMP, ContextTokens, GeneratedTokens, each row's
 * time until the next one, shared by what it generated, from 1 to 200 ms. */
struct chat_trace {
    size_t rows;
    uint32_t *generated;
    int64_t *pace_ns;
};
/* false: it cannot be read; says why on stderr, with the line. */
bool chat_trace_read(struct chat_trace *t, const char *path);

struct chat {
    uint64_t seed, digest;
    uint64_t total, next;   /* tokens */
    uint64_t row, in_row;   /* of the trace */
    uint64_t uploaded, sum; /* what the client has sent: octets, and FNV-1a of them */
    uint32_t context_tokens;
    uint8_t *context; /* owned */
};

/* Reads the context. false: no memory. */
bool chat_begin(struct chat *c, uint64_t seed, uint32_t context_tokens, uint64_t tokens,
                uint64_t row);
void chat_end(struct chat *c);
/* The next token's text, and how long it takes; its length. c->next < c->total. */
size_t chat_token(struct chat *c, const struct chat_trace *t, char text[CHAT_TOKEN_MAX],
                  int64_t *ns);
void chat_upload(struct chat *c, const void *octets, size_t len);

/* As octets: CHAT_HEAD, and the context. */
size_t chat_size(const struct chat *c);
void chat_write(const struct chat *c, uint8_t *buf);
/* How many of len octets were a conversation's; 0: they are none. */
size_t chat_read(struct chat *c, const uint8_t *buf, size_t len);

#endif
