/* mh_names.c: what the status values of acknowledgements are called (IANA: of bindings, from RFC
 * 6275 §6.1.8, 4285, 5149, 5213 §8.9; of revocations, RFC 5846 §5.2; of update notifications, RFC
 * 7077 §4.2). For people only: nothing decides by a name.
 */
#include "wire/mh.h"

struct name {
    uint8_t status;
    const char *name;
};

static const struct name names[] = {
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

static const struct name bra_names[] = {
    {GW_BRA_SUCCESS, "success"},
    {GW_BRA_PARTIAL, "partial success"},
    {GW_BRA_NO_BINDING, "binding does not exist"},
    {GW_BRA_IPV4_HOA_REQUIRED, "IPv4 home address option required"},
    {GW_BRA_GLOBAL_NOT_AUTHORISED, "global revocation not authorised"},
    {GW_BRA_IDENTITY_REQUIRED, "revoked mobile nodes' identity required"},
    {GW_BRA_ATTACHED, "the mobile node is attached"},
    {GW_BRA_TRIGGER_UNSUPPORTED, "revocation trigger not supported"},
    {GW_BRA_FUNCTION_UNSUPPORTED, "revocation function not supported"},
    {GW_BRA_PROXY_UNSUPPORTED, "proxy binding revocation not supported"},
};

static const struct name upa_names[] = {
    {GW_UPA_SUCCESS, "success"},
    {GW_UPA_FAILED, "failed to update the session"},
    {GW_UPA_VENDOR_MISSING, "missing vendor-specific option"},
};

static const char *find(const struct name *list, size_t n, uint8_t status)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].status == status)
            return list[i].name;
    return "unknown";
}

const char *gw_mh_status_name(uint8_t status)
{
    return find(names, sizeof names / sizeof *names, status);
}

const char *gw_mh_bra_status_name(uint8_t status)
{
    return find(bra_names, sizeof bra_names / sizeof *bra_names, status);
}

const char *gw_mh_upa_status_name(uint8_t status)
{
    return find(upa_names, sizeof upa_names / sizeof *upa_names, status);
}
