/* err.c: the names of the errors, for logs and for tests that show what they got. What an error
 * means to a caller is said in the header of the function that returns it.
 */
#include "base/err.h"

const char *gw_err_name(int err)
{
    if (err > 0)
        return "GW_OK";
    switch ((enum gw_err)err) {
    case GW_OK:
        return "GW_OK";
    case GW_ENOMEM:
        return "GW_ENOMEM";
    case GW_EINVAL:
        return "GW_EINVAL";
    case GW_ENOENT:
        return "GW_ENOENT";
    case GW_EEXIST:
        return "GW_EEXIST";
    case GW_EFULL:
        return "GW_EFULL";
    case GW_ESHORT:
        return "GW_ESHORT";
    case GW_EFORMAT:
        return "GW_EFORMAT";
    case GW_EAUTH:
        return "GW_EAUTH";
    case GW_EREPLAY:
        return "GW_EREPLAY";
    case GW_EDENIED:
        return "GW_EDENIED";
    case GW_ESYS:
        return "GW_ESYS";
    case GW_EVERSION:
        return "GW_EVERSION";
    }
    return "GW_UNKNOWN";
}
