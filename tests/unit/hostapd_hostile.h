/* hostapd_hostile.h: datagrams that hostapd would not send, or only a broken one; for the parser
 * and for its client in each of its states.
 */
#ifndef TESTS_UNIT_HOSTAPD_HOSTILE_H
#define TESTS_UNIT_HOSTAPD_HOSTILE_H

#include <stddef.h>

#define MAC  "02:00:00:00:00:01"
#define HEAD MAC "\nflags=[AUTHORIZED]\naid=0\ncapability=0x0\n"
#define TAIL "authMultiSessionId=2D93796750ACAD50\nlast_eap_type_as=0 (unknown)\n"

/* None of them is an event about a station, nor an answer that authorises one. */
#define H(s)             \
    {                    \
        s, sizeof(s) - 1 \
    }
static const struct hostapd_hostile {
    const char *text;
    size_t len;
} hostapd_hostile[] = {
    H("<"),
    H("<>"),
    H("<3"),
    H("<3>"),
    H("<<3>AP-STA-CONNECTED " MAC),
    H("3>AP-STA-CONNECTED " MAC),
    H("<x>AP-STA-CONNECTED " MAC),
    H("<3 >AP-STA-CONNECTED " MAC),
    H("< 3>AP-STA-CONNECTED " MAC),
    H("<-3>AP-STA-CONNECTED " MAC),
    H("<3> AP-STA-CONNECTED " MAC),
    H("<3>ap-sta-connected " MAC),
    H("<3>AP-STA-CONNECTED"),
    H("<3>AP-STA-CONNECTED "),
    H("<3>AP-STA-CONNECTED  " MAC),
    H("<3>AP-STA-CONNECTED\t" MAC),
    H("<3>AP-STA-CONNECTED\n" MAC),
    H("<3>AP-STA-CONNECTED\0" MAC),
    H("<3>AP-STA-CONNECTED 02:00:00:00:00:0"),
    H("<3>AP-STA-CONNECTED 02:00:00:00:00:011"),
    H("<3>AP-STA-CONNECTED 02:00:00:00:00:01:02"),
    H("<3>AP-STA-CONNECTED " MAC "\n"),
    H("<3>AP-STA-CONNECTED " MAC "\0"),
    H("<3>AP-STA-CONNECTED 02-00-00-00-00-01"),
    H("<3>AP-STA-CONNECTED 0200.0000.0001"),
    H("<3>AP-STA-CONNECTED ff:ff:ff:ff:ff:ff"),
    H("<3>AP-STA-CONNECTED 01:80:c2:00:00:03"),
    H("<3>AP-STA-CONNECTED 33:33:00:00:00:01"),
    H("<3>AP-STA-CONNECTED zz:00:00:00:00:01"),
    H("<3>AP-STA-CONNECTED 02:00:00:00:00:0\0"),
    H("<3>AP-STA-CONNECTED 02:00:00:00: 0:01"),
    H("<3>AP-STA-CONNECTED +2:00:00:00:00:01"),
    H("<3>AP-STA-CONNECTEDX " MAC),
    H("<3>XAP-STA-CONNECTED " MAC),
    H("<3>AP-STA-CONNECTED-" MAC),
    H("<3>CTRL-EVENT-EAP-SUCCESS"),
    H("<3>CTRL-EVENT-EAP-SUCCESS22 " MAC),
    H("<3>CTRL-EVENT-EAP-FAILURE " MAC " <3>AP-STA-CONNECTED " MAC),
    H("<3>AP-STA-DISCONNECTED"),
    H("<3>AP-STA-DISCONNECTED :::::"),
    H("<99999999999999999999>"),
    H("<3>\xff\xfe\xfd"),
    H("\0<3>AP-STA-CONNECTED " MAC),
    H(" <3>AP-STA-CONNECTED " MAC),
    H("\n"),
    H("\n\n\n"),
    H("\0"),
    H("FAIL"),
    H("FAIL\n\n"),
    H("fail\n"),
    H("OK"),
    H("OK\nOK\n"),
    H(MAC),
    H(MAC "\n"),
    H(MAC "\n\n"),
    H(MAC "\n[AUTHORIZED]\n"),
    H(MAC " \nflags=[AUTHORIZED]\n"),
    H(MAC "\r\nflags=[AUTHORIZED]\r\n"),
    H("\n" MAC "\nflags=[AUTHORIZED]\n"),
    H(MAC "\naid=1\nflags=[AUTHORIZED]\n"),
    H(MAC "\nflags=[authorized]\n"),
    H(MAC "\nflags=[AUTHORIZED\n"),
    H(MAC "\nflags=AUTHORIZED]\n"),
    H(MAC "\nFlags=[AUTHORIZED]\n"),
    H(MAC "\nflags =[AUTHORIZED]\n"),
    H(MAC "\nflags=[AUTH\0ORIZED]\n"),
    H(MAC "\nflags=\n[AUTHORIZED]\n"),
    H("01:00:00:00:00:01\nflags=[AUTHORIZED]\n"),
    H("02:00:00:00:00:01:02\nflags=[AUTHORIZED]\n"),
    H("02:00:00:00:00\nflags=[AUTHORIZED]\n"),
    H(HEAD "dot1xAuthSessionUserName=a\0b\n" TAIL),
    H(HEAD "dot1xAuthSessionUserName=a\nb c=d\n" TAIL),
    H(HEAD "dot1xAuthSessionUserName=a\n=\n"),
    H(HEAD "dot1xAuthSessionUserName=\n\n"),
};
#define HOSTAPD_HOSTILES (sizeof hostapd_hostile / sizeof *hostapd_hostile)
_Static_assert(HOSTAPD_HOSTILES >= 64, "too few");

#endif
