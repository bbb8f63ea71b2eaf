/* radius_hostile.h: attributes of Accounting-Requests, hand-written to be believed where they must
 * not be: none of them, rightly signed, says that a station has come or left. For the parser and
 * for the server of it.
 */
#ifndef TESTS_UNIT_RADIUS_HOSTILE_H
#define TESTS_UNIT_RADIUS_HOSTILE_H

#include <stddef.h>

#define R_STATUS(n)             "\x28\x06\0\0\0" n
#define R_STOP                  R_STATUS("\2")
#define R_SESSION               "\x2c\x04s1"
#define R_STATION               "\x1f\x13" R_LLADDR
#define R_LLADDR                "02-00-00-00-00-\x30\x61" /* 0a */
#define R_NAME                  "\x01\x04\x61l"
#define R_CALLING(length, text) R_STOP R_SESSION "\x1f" length text
#define H(s)             \
    {                    \
        s, sizeof(s) - 1 \
    }
static const struct {
    const char *text;
    size_t len;
} radius_hostile[] = {
    /* no status, or none that is one */
    H(""),
    H(R_SESSION R_STATION),
    H(R_SESSION R_STATION R_NAME),
    H("\x28\x02" R_SESSION R_STATION),
    H("\x28\x03\2" R_SESSION R_STATION),
    H("\x28\x05\0\0\2" R_SESSION R_STATION),
    H("\x28\x07\0\0\0\0\2" R_SESSION R_STATION),
    H("\x28\x0a\0\0\0\0\0\0\0\2" R_SESSION R_STATION),
    H(R_STATUS("\0") R_SESSION R_STATION),
    H(R_STATUS("\4") R_SESSION R_STATION),
    H(R_STATUS("\6") R_SESSION R_STATION),
    H(R_STATUS("\x09") R_SESSION R_STATION),
    H(R_STATUS("\x0f") R_SESSION R_STATION),
    H(R_STATUS("\xff") R_SESSION R_STATION),
    H("\x28\x06\2\0\0\0" R_SESSION R_STATION),
    H("\x28\x06\1\0\0\2" R_SESSION R_STATION),
    H("\x28\x06\xff\xff\xff\xff" R_SESSION R_STATION),
    /* twice what may be there once */
    H(R_STOP R_STOP R_SESSION R_STATION),
    H(R_STATUS("\1") R_STOP R_SESSION R_STATION),
    H(R_STOP R_SESSION R_STATION R_STATUS("\7")),
    H(R_STATUS("\7") R_STATUS("\x08")),
    H(R_STOP R_SESSION R_SESSION R_STATION),
    H(R_STOP "\x2c\x04s2" R_SESSION R_STATION),
    H(R_STOP R_SESSION R_STATION R_STATION),
    H(R_STOP R_SESSION "\x1f\x13"
                       "02-00-00-00-00-0b" R_STATION),
    H(R_STOP R_SESSION R_STATION R_NAME R_NAME),
    /* no session */
    H(R_STOP R_STATION),
    H(R_STOP R_STATION R_NAME),
    H(R_STATUS("\1") R_STATION R_NAME),
    H(R_STOP "\x2c\x02" R_STATION),
    H(R_STATUS("\1") "\x2c\x02" R_STATION),
    H(R_STATUS("\3") "\x2c\x02" R_STATION),
    /* no station, or an address that is none */
    H(R_STOP R_SESSION),
    H(R_STATUS("\1") R_SESSION R_NAME),
    H(R_CALLING("\x02", "")),
    H(R_CALLING("\x0e", "02000000000g")),
    H(R_CALLING("\x0d", "02000000000")),
    H(R_CALLING("\x0f", "0200000000000")),
    H(R_CALLING("\x13", "02-00-00-00-00_0a")),
    H(R_CALLING("\x13", "02:00-00-00-00-0a")),
    H(R_CALLING("\x13", "ff-ff-ff-ff-ff-ff")),
    H(R_CALLING("\x13", "01-80-c2-00-00-03")),
    H(R_CALLING("\x13", "33:33:00:00:00:01")),
    H(R_CALLING("\x14", "02-00-00-00-00-0a\0")),
    H(R_CALLING("\x14", " 02-00-00-00-00-0a")),
    H(R_CALLING("\x14", "02-00-00-00-00-0a\n")),
    H(R_CALLING("\x13", "02-00-00-00-00-\0a")),
    H(R_CALLING("\x12", "-2-00-00-00-00-0")),
    H(R_CALLING("\x13", "+2-00-00-00-00-0a")),
    H(R_CALLING("\x13", "0-200-00-00-00-0a")),
    H(R_CALLING("\x08", "\2\0\0\0\0\x0a")), /* octets, not text */
    H(R_CALLING("\x0e", "------------")),
    H(R_CALLING("\x0e", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4")),
    H(R_CALLING("\x0e", "+49151123456")),
    /* names */
    H(R_STOP R_SESSION R_STATION "\x01\x02"),
    H(R_STOP R_SESSION R_STATION "\x01\x03\0"),
    H(R_STOP R_SESSION R_STATION "\x01\x04\x61\0"),
    H(R_STOP R_SESSION R_STATION "\x01\x05\x61\0b"),
    /* lengths */
    H(R_STOP R_SESSION R_STATION "\x01"),
    H(R_STOP R_SESSION R_STATION "\x21\x00"),
    H(R_STOP R_SESSION R_STATION "\x21\x01"),
    H(R_STOP R_SESSION R_STATION "\x21\x03"),
    H(R_STOP R_SESSION R_STATION "\x21\xff\1\2\3"),
    H("\x21\x00" R_STOP R_SESSION R_STATION),
    H("\x21\xff" R_STOP R_SESSION R_STATION),
    H("\0\0\0\0" R_STOP R_SESSION R_STATION),
    H("\xff" R_STOP R_SESSION R_STATION "\xff"),
    /* Message-Authenticators */
    H(R_STOP R_SESSION R_STATION "\x50\x02"),
    H(R_STOP R_SESSION R_STATION "\x50\x11"
                                 "123456789012345"),
    H(R_STOP R_SESSION R_STATION "\x50\x13"
                                 "12345678901234567"),
    H(R_STOP R_SESSION R_STATION "\x50\x12"
                                 "1234567890123456"),
    H(R_STOP R_SESSION R_STATION "\x50\x12"
                                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    H("\x50\x12"
      "1234567890123456" R_STOP R_SESSION R_STATION "\x50\x12"
      "1234567890123456"),
};
#undef H
#define RADIUS_HOSTILES (sizeof radius_hostile / sizeof *radius_hostile)
_Static_assert(RADIUS_HOSTILES >= 64, "too few");

#endif
