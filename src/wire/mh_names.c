/* mh_names.c: what the status values of a binding acknowledgement are called (IANA, from RFC 6275
 * §6.1.8, 4285, 5149, 5213 §8.9). For people only: nothing decides by a name.
 */
#include "wire/mh.h"

static const struct {
    uint8_t status;
    const char *name;
} names[] = {
    {GW_ST_ACCEPTED, "accepted"},
    {GW_ST_PREFIX_DISCOVERY, "accepted, prefix discovery necessary"},
    {GW_ST_UNSPECIFIED, "reason unspecified"},
    {GW_ST_PROHIBITED, "administratively prohibited"},
    {GW_ST_NO_RESOURCES, "insufficient resources"},
    {GW_ST_HOME_REG_UNSUPPORTED, "home registration not supported"},
    {GW_ST_NOT_HOME_SUBNET, "not home subnet"},
    {GW_ST_NOT_HOME_AGENT, "not home agent for this mobile node"},
    {GW_ST_DAD_FAILED, "duplicate address detection failed"},
    {GW_ST_SEQUENCE, "sequence number out of window"},
    {GW_ST_TYPE_CHANGE, "registration type change disallowed"},
    {GW_ST_MESGID_MISMATCH, "message identifier mismatch"},
    {GW_ST_MESGID_REQUIRED, "message identifier required"},
    {GW_ST_AUTH_FAILED, "authentication failed"},
    {GW_ST_SERVICE_AUTH, "service authorisation failed"},
    {GW_ST_PROXY_NOT_ENABLED, "proxy registration not enabled for the mobile node"},
    {GW_ST_NOT_LMA_FOR_MN, "not LMA for this mobile node"},
    {GW_ST_MAG_NOT_AUTHORISED, "MAG not authorised for proxy registration"},
    {GW_ST_HNP_NOT_AUTHORISED, "not authorised for home network prefix"},
    {GW_ST_TIMESTAMP_MISMATCH, "timestamp mismatch"},
    {GW_ST_TIMESTAMP_LOWER, "timestamp lower than previously accepted"},
    {GW_ST_MISSING_HNP, "missing home network prefix"},
    {GW_ST_PREFIX_MISMATCH, "binding and requested prefixes do not match"},
    {GW_ST_MISSING_MNID, "missing mobile node identifier"},
    {GW_ST_MISSING_HI, "missing handoff indicator"},
    {GW_ST_MISSING_ATT, "missing access technology type"},
};

const char *gw_mh_status_name(uint8_t status)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status)
            return names[i].name;
    return "unknown";
}
