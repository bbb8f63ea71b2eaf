/* lost.c: in the place of sockets: whatever is sent on an access link or to measure a path is lost.
 * For programs that drive a node by src/daemon's driver and look at its signalling only:
 * bench-control and fuzz_request.
 */
#include "daemon/daemon.h"
#include "sys/nd_socket.h"

int gw_nd_send(int fd, const struct gw_lladdr *src, const struct gw_lladdr *dst,
               const uint8_t *packet, size_t len)
{
    (void)fd;
    (void)src;
    (void)dst;
    (void)packet;
    (void)len;
    return 0;
}

void gwd_stamp_send(struct gwd *d, const struct gw_action *act)
{
    (void)d;
    (void)act;
}

void gwd_transfer_step(struct gwd *d, const struct gw_transfer_step *step)
{
    (void)d;
    (void)step;
}

void gwd_announce_note(struct gwd *d, const struct gw_intent *in)
{
    (void)d;
    (void)in;
}
