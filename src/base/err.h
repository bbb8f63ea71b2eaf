/* err.h: the one error enum. Functions return 0 (or a count) on success and a negative gw_err. */
#ifndef GW_BASE_ERR_H
#define GW_BASE_ERR_H

enum gw_err {
    GW_OK = 0,
    GW_ENOMEM = -1,    /* the injected allocator refused */
    GW_EINVAL = -2,    /* an argument or a value is not allowed */
    GW_ENOENT = -3,    /* no such entry */
    GW_EEXIST = -4,    /* there is one already */
    GW_EFULL = -5,     /* a configured limit is reached */
    GW_ESHORT = -6,    /* input ends too early, or output has no room */
    GW_EFORMAT = -7,   /* input breaks its format */
    GW_EAUTH = -8,     /* authentication failed or is missing */
    GW_EREPLAY = -9,   /* an old message again */
    GW_EDENIED = -10,  /* the policy says no */
    GW_ESYS = -11,     /* the system refused; errno has the reason (only from sys, store) */
    GW_EVERSION = -12, /* something on disk or pinned has another schema version */
    GW_EAGAIN = -13,   /* it has just failed, and it is too early to try again */
};

/* The name of an error ("GW_ENOMEM"); never NULL. */
const char *gw_err_name(int err);
/* What it says to a person ("no such entry"); never NULL. */
const char *gw_err_text(int err);

#endif
