/* mh_int.h: what the files of the Mobility Header codec share: the option table's entry points, and
 * writing in steps, so that auth.c can compute its MAC between padding and checksum.
 */
#ifndef GW_WIRE_MH_INT_H
#define GW_WIRE_MH_INT_H

#include "wire/mh.h"

#define GW_MH_CHECKSUM_AT 4u /* offset of the Checksum field */
#define GW_MH_DATA_AT     6u /* offset of the message data */

/* What begins the message data of Godwit's experiment (RFC 5096; doc/cats.md): a number and the
 * version of what follows. */
#define GW_CATS_EXPERIMENT 0x4757u
#define GW_CATS_VERSION    1u

/* The length of the header by its Header Len field. */
static inline size_t gw_mh_length(const uint8_t *data)
{
    return 8u + 8u * (size_t)data[1];
}

/* One option at r, not a pad. NULL, or why it is refused. */
const char *gw_opt_read(const struct gw_mh_codec *codec, struct gw_rd *r, struct gw_opt *o);
/* Pads to the option's alignment and writes it. 0 or GW_EINVAL; lack of room shows in w. */
int gw_opt_write(const struct gw_mh_codec *codec, struct gw_wr *w, const struct gw_opt *o);
/* n octets of Pad1 or PadN. */
void gw_opt_pad(struct gw_wr *w, size_t n);

/* Flags as the profile has them on the wire, to and from enum gw_bu_flag and gw_ba_flag. Reading
 * needs the options of m to be read already; writing answers GW_EINVAL for what cannot be said. */
uint16_t gw_mh_bu_flags_in(const struct gw_mh_codec *codec, const struct gw_mh *m, uint16_t wire);
uint8_t gw_mh_ba_flags_in(const struct gw_mh_codec *codec, const struct gw_mh *m, uint8_t wire);
int gw_mh_bu_flags_out(const struct gw_mh_codec *codec, const struct gw_mh *m);
int gw_mh_ba_flags_out(const struct gw_mh_codec *codec, const struct gw_mh *m);

/* Header, fixed part and options; neither padded nor measured nor summed. */
int gw_mh_put(const struct gw_mh_codec *codec, const struct gw_mh *m, struct gw_wr *w);
/* Pads the end and fills Header Len in. size is that of the caller's buffer. The length,
 * GW_ESHORT or GW_EINVAL. */
int gw_mh_close(struct gw_wr *w, size_t size);
/* Fills the checksum in; nothing when addrs is NULL. */
void gw_mh_seal(const struct gw_mh_addrs *addrs, uint8_t *buf, size_t len);

#endif
