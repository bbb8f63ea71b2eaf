/* err.c: the names of the errors, for logs and tests that show what they got, and what they say to
 * people. What an error means to a caller is said in the header of the function that returns it.
 */
#include "base/err.h"

struct words {
    const char *name, *text;
};

static struct words words(int err)
{
    if (err > 0)
        err = GW_OK;
    switch ((enum gw_err)err) {
    case GW_OK:
        return (struct words){"GW_OK", "no error"};
    case GW_ENOMEM:
        return (struct words){"GW_ENOMEM", "out of memory"};
    case GW_EINVAL:
        return (struct words){"GW_EINVAL", "the value is not allowed"};
    case GW_ENOENT:
        return (struct words){"GW_ENOENT", "there is none"};
    case GW_EEXIST:
        return (struct words){"GW_EEXIST", "there is one already"};
    case GW_EFULL:
        return (struct words){"GW_EFULL", "a configured limit is reached"};
    case GW_ESHORT:
        return (struct words){"GW_ESHORT", "it ends too early"};
    case GW_EFORMAT:
        return (struct words){"GW_EFORMAT", "it breaks its format"};
    case GW_EAUTH:
        return (struct words){"GW_EAUTH", "authentication failed"};
    case GW_EREPLAY:
        return (struct words){"GW_EREPLAY", "an old message again"};
    case GW_EDENIED:
        return (struct words){"GW_EDENIED", "the policy does not allow it"};
    case GW_ESYS:
        return (struct words){"GW_ESYS", "the system refused"};
    case GW_EVERSION:
        return (struct words){"GW_EVERSION", "it has another schema version"};
    case GW_EAGAIN:
        return (struct words){"GW_EAGAIN", "it has just failed"};
    }
    return (struct words){"GW_UNKNOWN", "unknown error"};
}

const char *gw_err_name(int err)
{
    return words(err).name;
}

const char *gw_err_text(int err)
{
    return words(err).text;
}
