/* tcp_stream.h: streams of octets that are known at each place, into connections and out of them;
 * for the test of moving connections and for its measurement (bench/move). */
#ifndef GW_TEST_TCP_STREAM_H
#define GW_TEST_TCP_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define STREAM_PATIENCE_MS 10000

/* The octet at a place of a stream. */
static inline uint8_t stream_octet(size_t at, unsigned stream)
{
    return (uint8_t)((at * 2654435761u >> 13) + stream * 101);
}

/* How many of the stream's octets from `from` on could be written without waiting, `most` at most.
 */
static inline size_t stream_pour(int fd, size_t from, size_t most, unsigned stream)
{
    static uint8_t buf[65536];
    size_t done = 0;
    while (done < most) {
        size_t n = most - done < sizeof buf ? most - done : sizeof buf;
        for (size_t i = 0; i < n; i++)
            buf[i] = stream_octet(from + done + i, stream);
        ssize_t took = send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took <= 0)
            break;
        done += (size_t)took;
    }
    return done;
}

/* Reads exactly that much. NULL, or what is wrong with it. */
static inline const char *stream_drain(int fd, size_t from, size_t len, unsigned stream)
{
    static uint8_t buf[65536];
    for (size_t done = 0; done < len;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        size_t want = len - done < sizeof buf ? len - done : sizeof buf;
        bool ready = poll(&wait, 1, STREAM_PATIENCE_MS) == 1;
        ssize_t got = ready ? recv(fd, buf, want, MSG_DONTWAIT) : -1;
        if (got <= 0)
            return "the connection stands still, or is over";
        for (ssize_t i = 0; i < got; i++)
            if (buf[i] != stream_octet(from + done + (size_t)i, stream))
                return "an octet is another one";
        done += (size_t)got;
    }
    return NULL;
}

#endif
