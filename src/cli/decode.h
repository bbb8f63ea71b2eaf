/* decode.h: `godwit decode FILE.pcap`: a capture's Mobility Header messages as Godwit reads them.
 */
#ifndef GW_CLI_DECODE_H
#define GW_CLI_DECODE_H

#include <jansson.h>

#include "wire/cats.h"

/* argv[0] is "decode". 0; 1: some message was refused; 2: wrong usage, or a file that cannot be
 * read, which is said on stderr. */
int gw_cli_decode(int argc, char **argv);

/* Adds a parsed message to `obj`: "type", its fields and "options". Flags are letters, lifetimes
 * seconds. An out-of-memory leaves members out. */
void gw_decode_message(json_t *obj, const struct gw_mh_codec *codec, const struct gw_mh *m);

/* Adds the fields of an item. */
void gw_decode_item(json_t *obj, const struct gw_cats_item *item);

/* Room for gw_decode_time. */
#define GW_DECODE_TIME_MAX 48
/* Unix time as ISO 8601 in UTC with microseconds; false when no calendar has it. */
bool gw_decode_time(int64_t sec, uint32_t usec, char buf[static GW_DECODE_TIME_MAX]);

#endif
