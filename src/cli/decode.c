/* decode.c: `godwit decode`: reads a capture (libpcap, offline), finds the Mobility Header messages
 * in its IPv6 packets and prints each as the codec reads it, or where and why it is refused. It
 * does not look into tunnels and reassembles no fragments.
 */
#include "cli/decode.h"

#include <getopt.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include "base/text.h"
#include "wire/ip6.h"

#define ETHERTYPE_IPV6  0x86ddu
#define ETHERTYPE_VLAN  0x8100u
#define ETHERTYPE_QINQ  0x88a8u
#define IP6_NEXT_HEADER 6
#define IP6_HEADER      40
#define EXIT_REFUSED    1
#define EXIT_USAGE      2

struct decoder {
    struct gw_mh_codec codec;
    const char *file;
    bool json;
    int link;     /* DLT_... */
    size_t frame; /* number in the capture, from 1 */
    size_t shown;
    size_t refused;
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Octets of an Ethernet header with its VLAN tags before IPv6, or 0 when something else is in it.
 */
static size_t ethernet_header(const uint8_t *pkt, size_t len)
{
    size_t at = 12;

    while (at + 2 <= len && (be16(pkt + at) == ETHERTYPE_VLAN || be16(pkt + at) == ETHERTYPE_QINQ))
        at += 4;
    return at + 2 <= len && be16(pkt + at) == ETHERTYPE_IPV6 ? at + 2 : 0;
}

/* Where the IPv6 packet begins in a frame; false when there is none. */
static bool find_ip6(const struct decoder *d, const uint8_t *pkt, size_t len, size_t *at)
{
    *at = 0;
    switch (d->link) {
    case DLT_EN10MB:
        *at = ethernet_header(pkt, len);
        return *at != 0;
    case DLT_LINUX_SLL:
        *at = 16;
        return len >= *at && be16(pkt + 14) == ETHERTYPE_IPV6;
    case DLT_LINUX_SLL2:
        *at = 20;
        return len >= *at && be16(pkt) == ETHERTYPE_IPV6;
    default: /* DLT_RAW, DLT_IPV6: no header of the link */
        return len > 0 && pkt[0] >> 4 == 6;
    }
}

static const char *answer_name(const struct gw_parse_result *res)
{
    switch (res->answer) {
    case GW_ANSWER_NONE:
        return "none";
    case GW_ANSWER_BE_UNKNOWN_TYPE:
        return "binding-error";
    case GW_ANSWER_PARAM_PROBLEM:
        return "parameter-problem";
    }
    return "none";
}

static void print_list(const char *key, json_t *list)
{
    json_t *v;
    size_t i;

    printf(" %s=", key);
    json_array_foreach(list, i, v) printf(i == 0 ? "%s" : ",%s", json_string_value(v));
}

/* key=value of every plain member but those named before, and of lists of strings; strings bare. */
static void print_members(json_t *obj, const char *const *skip)
{
    const char *key;
    json_t *v;

    json_object_foreach(obj, key, v)
    {
        bool named = false;
        for (size_t i = 0; skip[i] != NULL; i++)
            named = named || strcmp(key, skip[i]) == 0;
        if (!named && json_is_string(json_array_get(v, 0)))
            print_list(key, v);
        if (named || json_is_object(v) || json_is_array(v))
            continue;
        if (json_is_string(v))
            printf(strchr(json_string_value(v), ' ') != NULL ? " %s=\"%s\"" : " %s=%s", key,
                   json_string_value(v));
        else if (json_is_integer(v))
            printf(" %s=%lld", key, (long long)json_integer_value(v));
        else
            printf(" %s=%s", key, json_is_true(v) ? "yes" : "no");
    }
}

static void print_text(json_t *obj)
{
    static const char *const head[] = {"frame", "time", "src", "dst", "type", NULL};
    static const char *const opt_head[] = {"name", "type", "offset", NULL};
    const char *type = json_string_value(json_object_get(obj, "type"));
    json_t *refused = json_object_get(obj, "refused"), *opt;
    size_t i;

    printf("%s %s > %s %s", json_string_value(json_object_get(obj, "time")),
           json_string_value(json_object_get(obj, "src")),
           json_string_value(json_object_get(obj, "dst")), type != NULL ? type : "?");
    print_members(obj, head);
    if (refused != NULL) {
        printf(" REFUSED");
        print_members(refused, head + 5);
    }
    printf("\n");
    json_array_foreach(json_object_get(obj, "options"), i, opt)
    {
        printf("    %s(%lld)", json_string_value(json_object_get(opt, "name")),
               (long long)json_integer_value(json_object_get(opt, "type")));
        print_members(opt, opt_head);
        printf("\n");
    }
}

static void show(struct decoder *d, json_t *obj)
{
    if (d->json) {
        printf(d->shown == 0 ? "[\n" : ",\n");
        (void)json_dumpf(obj, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
    } else {
        print_text(obj);
    }
    d->shown++;
}

static void put_addr(json_t *obj, const char *key, const struct gw_addr *a)
{
    char text[GW_TEXT_MAX];

    (void)json_object_set_new(obj, key, json_string(gw_fmt_addr(a, text)));
}

/* Frame, time and addresses. Those of the checksum are named when they are not the packet's. */
static json_t *begin(const struct decoder *d, const struct pcap_pkthdr *head, const uint8_t *ip6,
                     const struct gw_mh_addrs *sum)
{
    char text[GW_DECODE_TIME_MAX];
    struct gw_mh_addrs ip;
    json_t *obj = json_object();

    memcpy(ip.src.b, ip6 + 8, sizeof ip.src.b);
    memcpy(ip.dst.b, ip6 + 24, sizeof ip.dst.b);
    (void)json_object_set_new(obj, "frame", json_integer((json_int_t)d->frame));
    if (!gw_decode_time(head->ts.tv_sec, (uint32_t)head->ts.tv_usec, text))
        text[0] = '\0';
    (void)json_object_set_new(obj, "time", json_string(text));
    put_addr(obj, "src", &ip.src);
    put_addr(obj, "dst", &ip.dst);
    if (!gw_addr_eq(&ip.src, &sum->src))
        put_addr(obj, "home-address", &sum->src);
    if (!gw_addr_eq(&ip.dst, &sum->dst))
        put_addr(obj, "routed-to", &sum->dst);
    return obj;
}

static void put_refusal(struct decoder *d, json_t *obj, const struct gw_parse_result *res)
{
    json_t *r = json_object();

    (void)json_object_set_new(r, "how",
                              json_string(res->code == GW_PARSE_IGNORE ? "ignored" : "error"));
    (void)json_object_set_new(r, "offset", json_integer(res->offset));
    (void)json_object_set_new(r, "why", json_string(res->why));
    (void)json_object_set_new(r, "answer", json_string(answer_name(res)));
    (void)json_object_set_new(obj, "refused", r);
    d->refused++;
}

/* A packet the walk cannot go through counts only when it says at once that it is signalling. */
static bool is_broken_mh(int err, const uint8_t *ip6, size_t len)
{
    return (err == GW_ESHORT || err == GW_EFORMAT) && len >= IP6_HEADER &&
           ip6[IP6_NEXT_HEADER] == GW_IPPROTO_MH;
}

static void decode_packet(struct decoder *d, const struct pcap_pkthdr *head, const uint8_t *ip6,
                          size_t len)
{
    struct gw_parse_result res = {.code = GW_PARSE_ERROR, .why = "packet is cut short"};
    struct gw_mh_addrs addrs;
    struct gw_mh m;
    const uint8_t *mh;
    size_t mh_len;
    int err = gw_ip6_find_mh(ip6, len, &addrs, &mh, &mh_len);

    if (err != 0 && !is_broken_mh(err, ip6, len))
        return;
    json_t *obj = begin(d, head, ip6, &addrs);
    if (err == 0)
        res = gw_mh_parse(&d->codec, &addrs, mh, mh_len, &m);
    if (res.code == GW_PARSE_OK) {
        gw_decode_message(obj, &d->codec, &m);
    } else {
        if (err == 0 && mh_len > 2)
            (void)json_object_set_new(obj, "type", json_string(gw_mh_type_name(mh[2])));
        put_refusal(d, obj, &res);
    }
    show(d, obj);
    json_decref(obj);
}

static bool link_known(int link)
{
    return link == DLT_EN10MB || link == DLT_LINUX_SLL || link == DLT_LINUX_SLL2 ||
           link == DLT_RAW || link == DLT_IPV6;
}

static int decode_file(struct decoder *d)
{
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *head;
    const uint8_t *pkt;
    size_t at;
    int got;
    pcap_t *p = pcap_open_offline(d->file, why);

    if (p == NULL) {
        fprintf(stderr, "godwit decode: %s\n", why);
        return EXIT_USAGE;
    }
    d->link = pcap_datalink(p);
    if (!link_known(d->link)) {
        fprintf(stderr, "godwit decode: %s: link type %d is not supported\n", d->file, d->link);
        pcap_close(p);
        return EXIT_USAGE;
    }
    while ((got = pcap_next_ex(p, &head, &pkt)) == 1) {
        d->frame++;
        if (find_ip6(d, pkt, head->caplen, &at))
            decode_packet(d, head, pkt + at, head->caplen - at);
    }
    if (d->json)
        printf(d->shown == 0 ? "[]\n" : "\n]\n");
    if (got == PCAP_ERROR)
        fprintf(stderr, "godwit decode: %s: %s\n", d->file, pcap_geterr(p));
    pcap_close(p);
    if (got == PCAP_ERROR)
        return EXIT_USAGE;
    return d->refused != 0 ? EXIT_REFUSED : 0;
}

static int usage(FILE *to)
{
    fprintf(to, "usage: godwit decode [--json] [--profile registered|as-drawn] FILE.pcap\n"
                "Prints the Mobility Header messages of a capture; FILE may be - for stdin.\n"
                "Exit status 1 says that some message was refused.\n");
    return EXIT_USAGE;
}

static int parse_profile(const char *text, enum gw_mh_profile *out)
{
    if (strcmp(text, "registered") == 0)
        *out = GW_PROFILE_REGISTERED;
    else if (strcmp(text, "as-drawn") == 0)
        *out = GW_PROFILE_AS_DRAWN;
    else
        return GW_EINVAL;
    return 0;
}

int gw_cli_decode(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"profile", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct decoder d = {.codec = gw_mh_codec_default};
    int c;

    optind = 0; /* main() has scanned its own arguments before */
    while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
        if (c == 'j') {
            d.json = true;
        } else if (c == 'h') {
            (void)usage(stdout);
            return 0;
        } else if (c != 'p' || parse_profile(optarg, &d.codec.profile) != 0) {
            return usage(stderr);
        }
    }
    if (optind + 1 != argc)
        return usage(stderr);
    d.file = argv[optind];
    return decode_file(&d);
}
