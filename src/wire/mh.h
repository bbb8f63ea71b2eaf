/* mh.h: the Mobility Header (RFC 6275 §6.1, IPv6 next header 135) as messages and options.
 *
 * Parsing is bounds-checked and never allocates: decoded options go into the caller's array and
 * point into the packet. Writing then parsing is the identity. Unknown options are kept (as `raw`)
 * and written back as they were. What a message means is src/fn's business.
 */
#ifndef GW_WIRE_MH_H
#define GW_WIRE_MH_H

#include "base/cursor.h"
#include "base/err.h"
#include "base/types.h"

#define GW_IPPROTO_MH 135
#define GW_MH_MAX     2048 /* the longest Mobility Header: 8 + 255 * 8, exactly 2048 */
#define GW_MH_OPTS    160  /* decoded options per message; more is GW_PARSE_ERROR */

enum gw_mh_type {
    GW_MH_BU = 5, /* and PBU */
    GW_MH_BA = 6, /* and PBA */
    GW_MH_BE = 7,
    GW_MH_EXPERIMENTAL = 11, /* RFC 5096 */
    GW_MH_HEARTBEAT = 13,    /* RFC 5847 */
    GW_MH_REVOCATION = 16,   /* RFC 5846: BRI and BRA */
    GW_MH_LRI = 17,          /* RFC 6705 */
    GW_MH_LRA = 18,
    GW_MH_UPN = 19, /* RFC 7077 */
    GW_MH_UPA = 20,
};

/* Flags as the profile-independent bits of struct gw_mh_bu/ba; the codec maps them to the wire by
 * profile (doc/protocol.md). `registered` is RFC 8885's, `as_drawn` the drafts'. */
enum gw_mh_profile { GW_PROFILE_REGISTERED, GW_PROFILE_AS_DRAWN };

enum gw_bu_flag { /* registered wire values */
                  GW_BU_A = 0x8000,
                  GW_BU_H = 0x4000,
                  GW_BU_L = 0x2000,
                  GW_BU_K = 0x1000,
                  GW_BU_M = 0x0800,
                  GW_BU_R = 0x0400,
                  GW_BU_P = 0x0200,
                  GW_BU_F = 0x0100,
                  GW_BU_T = 0x0080,
                  GW_BU_B = 0x0040,
                  GW_BU_S = 0x0020,
                  GW_BU_D = 0x0010, /* RFC 8885 */
                  GW_BU_C = 0x0008, /* CATS mobility draft */
                  GW_BU_N = 0x0004,
};
enum gw_ba_flag {
    GW_BA_K = 0x80,
    GW_BA_R = 0x40,
    GW_BA_P = 0x20,
    GW_BA_T = 0x10,
    GW_BA_B = 0x08,
    GW_BA_S = 0x04,
    GW_BA_D = 0x02,
    GW_BA_C = 0x01,
};

/* BA status (RFC 6275 §6.1.8, RFC 5213 §8.9, RFC 4285, RFC 5846...). */
enum gw_ba_status {
    GW_ST_ACCEPTED = 0,
    GW_ST_PREFIX_DISCOVERY = 1,
    GW_ST_UNSPECIFIED = 128,
    GW_ST_PROHIBITED = 129,
    GW_ST_NO_RESOURCES = 130,
    GW_ST_HOME_REG_UNSUPPORTED = 131,
    GW_ST_NOT_HOME_SUBNET = 132,
    GW_ST_NOT_HOME_AGENT = 133,
    GW_ST_DAD_FAILED = 134,
    GW_ST_SEQUENCE = 135,
    GW_ST_TYPE_CHANGE = 139,
    GW_ST_MESGID_MISMATCH = 144,
    GW_ST_MESGID_REQUIRED = 145,
    GW_ST_AUTH_FAILED = 146,
    GW_ST_SERVICE_AUTH = 151,
    GW_ST_PROXY_NOT_ENABLED = 152,
    GW_ST_NOT_LMA_FOR_MN = 153,
    GW_ST_MAG_NOT_AUTHORISED = 154,
    GW_ST_HNP_NOT_AUTHORISED = 155,
    GW_ST_TIMESTAMP_MISMATCH = 156,
    GW_ST_TIMESTAMP_LOWER = 157,
    GW_ST_MISSING_HNP = 158,
    GW_ST_PREFIX_MISMATCH = 159,
    GW_ST_MISSING_MNID = 160,
    GW_ST_MISSING_HI = 161,
    GW_ST_MISSING_ATT = 162,
};

/* RFC 5846 §12. */
enum gw_br_type { GW_BR_BRI = 1, GW_BR_BRA = 2 };
enum gw_br_trigger {
    GW_BR_UNSPECIFIED = 0,
    GW_BR_ADMINISTRATIVE = 1,
    GW_BR_HANDOVER_SAME_ATT = 2,
    GW_BR_HANDOVER_OTHER_ATT = 3,
    GW_BR_HANDOVER_UNKNOWN = 4,
    GW_BR_USER_ENDS = 5,
    GW_BR_ACCESS_ENDS = 6,
    GW_BR_OUT_OF_SYNC = 7,
    GW_BR_PER_PEER = 128, /* from here on with the flag G only */
    GW_BR_LOCAL_POLICY = 129,
};
enum gw_br_status {
    GW_BRA_SUCCESS = 0,
    GW_BRA_PARTIAL = 1,
    GW_BRA_NO_BINDING = 128,
    GW_BRA_IPV4_HOA_REQUIRED = 129,
    GW_BRA_GLOBAL_NOT_AUTHORISED = 130,
    GW_BRA_IDENTITY_REQUIRED = 131,
    GW_BRA_ATTACHED = 132,
    GW_BRA_TRIGGER_UNSUPPORTED = 133,
    GW_BRA_FUNCTION_UNSUPPORTED = 134,
    GW_BRA_PROXY_UNSUPPORTED = 135,
};

/* RFC 7077 §10. */
enum gw_upn_reason {
    GW_UPN_REREGISTER = 1,
    GW_UPN_PARAMETERS = 2,
    GW_UPN_VENDOR = 3,
    GW_UPN_ANI = 4,
};
enum gw_upa_status {
    GW_UPA_SUCCESS = 0,
    GW_UPA_FAILED = 128,
    GW_UPA_VENDOR_MISSING = 129,
};

enum gw_opt_type {
    GW_OPT_PAD1 = 0,
    GW_OPT_PADN = 1,
    GW_OPT_REFRESH_ADVICE = 2,
    GW_OPT_ALT_COA = 3,
    GW_OPT_BINDING_AUTH = 5, /* RFC 6275 §6.2.7, parsed as raw octets */
    GW_OPT_MH_LLADDR = 7,
    GW_OPT_MNID = 8,
    GW_OPT_AUTH = 9, /* RFC 4285 */
    GW_OPT_MESGID = 10,
    GW_OPT_EXPERIMENTAL = 18,
    GW_OPT_VENDOR = 19,
    GW_OPT_SERVICE = 20,
    GW_OPT_HNP = 22,
    GW_OPT_HI = 23,
    GW_OPT_ATT = 24,
    GW_OPT_MN_LLID = 25,
    GW_OPT_LINK_LOCAL = 26,
    GW_OPT_TIMESTAMP = 27,
    GW_OPT_RESTART = 28,
    GW_OPT_GRE_KEY = 33,
    GW_OPT_BID = 35,
    GW_OPT_MN_GROUP = 50,
    GW_OPT_MAG_ADDR = 51,
    GW_OPT_LCMP = 62,
    GW_OPT_ANCHORED_PREFIX = 65,
    GW_OPT_LOCAL_PREFIX = 66,
    GW_OPT_PREVIOUS_MAAR = 67,
    GW_OPT_SERVING_MAAR = 68,
    GW_OPT_DLIF_LINK_LOCAL = 69,
    GW_OPT_DLIF_LLADDR = 70,
    GW_OPT_CATS_CLIENT = 71, /* default; configurable, see struct gw_mh_codec */
    GW_OPT_CATS_ADDR = 72,
};

enum gw_handoff { /* RFC 5213 §8.4 */
                  GW_HI_NEW_INTERFACE = 1,
                  GW_HI_OTHER_INTERFACE = 2,
                  GW_HI_INTER_MAG = 3,
                  GW_HI_UNKNOWN = 4,
                  GW_HI_REREGISTRATION = 5,
};

/* How this domain reads and writes what is not fixed by an RFC. Constant, shared, never owned. */
struct gw_mh_codec {
    enum gw_mh_profile profile;
    uint8_t opt_cats_client; /* 0 is "not used"; default 71 */
    uint8_t opt_cats_addr;   /* default 72 */
};
extern const struct gw_mh_codec gw_mh_codec_default;

/* One option. `type` selects the member by the row of the option table (mh_opt.c). Views (raw,
 * mnid.id, auth.mac) point into the parsed packet or the caller's memory. */
struct gw_opt {
    uint8_t type;
    uint16_t offset; /* of the type octet from the start of the MH; set by parsing only */
    union {
        struct {
            const uint8_t *data;
            uint8_t len;
        } raw;                   /* unknown, and types without a better form */
        struct gw_mnid mnid;     /* 8 */
        struct gw_prefix prefix; /* 22, 65, 66 */
        struct {
            struct gw_addr maar;
            struct gw_prefix hnp;
        } previous_maar;         /* 67 */
        struct gw_addr addr;     /* 3, 26, 51, 68, 69, CATS */
        struct gw_lladdr lladdr; /* 25, 70 */
        struct {
            struct gw_lladdr lladdr;
            uint8_t code;
        } coded;      /* 7 (RFC 5568 §6.4.4) */
        uint8_t code; /* 23, 24 */
        uint16_t u16; /* 2 (4 s units) */
        uint32_t u32; /* 28 */
        struct {
            bool has_key; /* without: GRE encapsulation is asked for, no key (RFC 5845) */
            uint32_t key;
        } gre; /* 33 */
        struct {
            uint8_t subtype;
            uint32_t id;
        } group;      /* 50 (RFC 6602) */
        uint64_t u64; /* 10 (NTP format), 27 (48.16) */
        struct {
            uint8_t subtype;
            uint32_t spi;
            const uint8_t *mac;
            uint8_t mac_len;
        } auth; /* 9 */
    };
};

struct gw_mh_bu {
    uint16_t seq, flags, lifetime;
}; /* lifetime in 4 s units; flags gw_bu_flag */
struct gw_mh_ba {
    uint8_t status, flags;
    uint16_t seq, lifetime;
};
struct gw_mh_be {
    uint8_t status;
    struct gw_addr home;
};
struct gw_mh_heartbeat {
    bool unsolicited, response;
    uint32_t seq;
};
struct gw_mh_revocation {
    uint8_t br_type; /* enum gw_br_type */
    uint8_t code;    /* trigger or status */
    uint16_t seq;
    bool p, v, g;
};
struct gw_mh_lri {
    uint16_t seq, lifetime;
}; /* lifetime in seconds */
struct gw_mh_lra {
    uint16_t seq;
    bool unsolicited;
    uint8_t status;
    uint16_t lifetime;
};
struct gw_mh_upn {
    uint16_t seq, reason;
    bool a, d;
};
struct gw_mh_upa {
    uint16_t seq;
    uint8_t status;
};
/* RFC 5096: somebody's message data, without options; or, with data NULL, a CATS control message,
 * whose items are options (cats.h). */
struct gw_mh_cats {
    uint8_t type; /* enum gw_cats_type */
    uint16_t flags;
    uint32_t seq;
};
struct gw_mh_experimental {
    const uint8_t *data;
    uint16_t len;
    struct gw_mh_cats cats;
};

struct gw_mh {
    uint8_t type;
    union {
        struct gw_mh_bu bu;
        struct gw_mh_ba ba;
        struct gw_mh_be be;
        struct gw_mh_heartbeat hb;
        struct gw_mh_revocation br;
        struct gw_mh_lri lri;
        struct gw_mh_lra lra;
        struct gw_mh_upn upn;
        struct gw_mh_upa upa;
        struct gw_mh_experimental exp;
    };
    uint16_t nopts;
    struct gw_opt opt[GW_MH_OPTS];
};

enum gw_parse {
    GW_PARSE_OK,
    GW_PARSE_IGNORE, /* well-formed but to be dropped silently, e.g. bad checksum (RFC 6275 §9.2) */
    GW_PARSE_ERROR,  /* malformed */
};
struct gw_parse_result {
    enum gw_parse code;
    uint16_t offset; /* from the start of the MH, of what was refused */
    const char *why; /* constant text; NULL when OK */
    /* What RFC 6275 §9.2 asks to answer when code is ERROR: */
    enum { GW_ANSWER_NONE, GW_ANSWER_BE_UNKNOWN_TYPE, GW_ANSWER_PARAM_PROBLEM } answer;
};

/* The addresses the checksum runs over: src is the home address when a Home Address option is
 * present, dst the home address when a type 2 routing header is (RFC 6275 §6.1.1). */
struct gw_mh_addrs {
    struct gw_addr src, dst;
};

/* Parses len octets at data. addrs NULL skips the checksum (captures with offload). Octets behind
 * the Mobility Header are ignored, as those behind any header whose next header is 59 (RFC 8200
 * §4.7). Alignment is asked of writers only: a reader takes options wherever they are. Reserved
 * bits and the bits of a prefix behind its length are ignored and come out as zero. */
struct gw_parse_result gw_mh_parse(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                                   const uint8_t *data, size_t len, struct gw_mh *out);

/* Writes m with options in order, each aligned with Pad1 or PadN as its row says, the whole padded
 * to a multiple of 8, checksum filled in (left zero when addrs is NULL). Returns the length;
 * GW_ESHORT when buf is too small; GW_EINVAL for what cannot be said: a longer message than
 * GW_MH_MAX, a pad option (they are the codec's), a value out of its row's rule, a flag the profile
 * has no bit for, Experimental data that does not end on a multiple of 8. */
int gw_mh_write(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                const struct gw_mh *m, uint8_t *buf, size_t size);

/* The checksum of an upper-layer packet over the IPv6 pseudo-header (RFC 8200 §8.1), as a number
 * to be written big endian into the packet whose checksum field is zero. Over a packet that has its
 * checksum the result is 0 when it is right. */
uint16_t gw_ip6_checksum(const struct gw_mh_addrs *addrs, uint8_t proto, const uint8_t *data,
                         size_t len);

/* First option of a type at or behind index *it, which moves behind it; NULL when none.
 * Start with *it = 0. */
const struct gw_opt *gw_mh_opt(const struct gw_mh *m, uint8_t type, size_t *it);
/* Appends; NULL when full. The caller fills the member. */
struct gw_opt *gw_mh_add(struct gw_mh *m, uint8_t type);

/* Names are constant; what has none is "unknown". */
const char *gw_mh_type_name(uint8_t type);         /* "PBU/BU" */
const char *gw_mh_opt_name(uint8_t type);          /* "mn-id" */
const char *gw_mh_status_name(uint8_t status);     /* of a BA */
const char *gw_mh_bra_status_name(uint8_t status); /* of a BRA, RFC 5846 §5.2 */
const char *gw_mh_upa_status_name(uint8_t status); /* of an UPA, RFC 7077 §4.2 */

/* Which member of struct gw_opt a type uses, for those who show options. */
enum gw_opt_form {
    GW_FORM_RAW,
    GW_FORM_MNID,
    GW_FORM_PREFIX,
    GW_FORM_PREVIOUS_MAAR,
    GW_FORM_ADDR,
    GW_FORM_LLADDR,
    GW_FORM_CODED_LLADDR, /* lladdr and its code */
    GW_FORM_CODE,
    GW_FORM_U16,
    GW_FORM_U32,
    GW_FORM_U64,
    GW_FORM_GRE,
    GW_FORM_GROUP,
    GW_FORM_AUTH,
};
enum gw_opt_form gw_mh_opt_form(const struct gw_mh_codec *codec, uint8_t type);

#endif
