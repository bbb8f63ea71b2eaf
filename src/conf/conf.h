/* conf.h: a YAML file becomes a struct gw_config, or lines that say what is wrong with it.
 *
 *     YAML -> libfyaml -> walked along the YANG model (src/conf/godwit.yang, in the library) ->
 *     libyang data tree with all defaults -> checks between values -> struct gw_config
 *
 * The walk builds the data tree node by node instead of handing libyang a document: each value is
 * checked where it stands, so that all errors of a file are found in one run and know their line.
 * What a value means is the node's business. Not for use below src/sys: it allocates by itself.
 */
#ifndef GW_CONF_CONF_H
#define GW_CONF_CONF_H

#include "base/err.h"
#include "node/config.h"

#define GW_CONF_MAX_SIZE (4u << 20) /* octets of a configuration file */

/* Where the lines go: "file:line: path: what is wrong, expected what", without a newline, sorted
 * by line; of a warning "file:line: path: warning: what". Either function may be NULL. */
struct gw_conf_report {
    void (*error)(void *user, const char *line);
    void (*warning)(void *user, const char *line); /* about what is allowed but unwise */
    void *user;
};

/* How the text of a `secret-file` is read: 0, or GW_ESYS with *why set to a constant or
 * thread-local text of the reason. *len: at most size octets. */
typedef int gw_conf_read_secret(void *user, const char *path, char *buf, size_t size, size_t *len,
                                const char **why);

struct gw_conf_source {
    const char *name; /* of the file, as in error lines and gw_config.file */
    const char *dir;  /* where a relative secret-file starts; NULL: "." */
    const char *text;
    size_t len;
    bool exposed;                     /* others may read the text: warn when there are keys in it */
    gw_conf_read_secret *read_secret; /* NULL: a secret-file is an error */
    void *user;
};

/* The model compiled; costs some milliseconds, so that who loads often keeps one. Not to be used
 * by two threads at once. NULL: out of memory. */
struct gw_conf_model *gw_conf_model_new(void);
void gw_conf_model_free(struct gw_conf_model *m);

/* 0 and *out (gw_config_free), or a negative gw_err after at least one error line: GW_EFORMAT for
 * what the text says, GW_ESYS when it cannot be read, GW_ENOMEM. model: NULL for one of its own.
 * The text version opens no file but through read_secret. */
int gw_conf_load_text(struct gw_conf_model *model, const struct gw_conf_source *src,
                      const struct gw_conf_report *report, struct gw_config **out);
int gw_conf_load_file(const char *path, const struct gw_conf_report *report,
                      struct gw_config **out);

/* The same checks, but *out is the configuration as text in its normal form: every default filled
 * in, one value per line, in the model's order. It parses back to the same configuration; with
 * hide_secrets it does not, because keys are left out. To be freed with free(). */
int gw_conf_show_text(struct gw_conf_model *model, const struct gw_conf_source *src,
                      bool hide_secrets, const struct gw_conf_report *report, char **out);
int gw_conf_show_file(const char *path, bool hide_secrets, const struct gw_conf_report *report,
                      char **out);

/* The YANG module as text. */
const char *gw_conf_yang(void);

#endif
