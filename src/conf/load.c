/* load.c: the steps in their order, and the files: the configuration and the keys it names. */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/stages.h"
#include "conf/tree.h"

/* What is wanted of a source: a configuration, or its text. */
struct want {
    struct gw_config **config;
    char **text;
    bool hide_secrets;
};

/* The node that libyang's error is about: its path says 'Data location "/godwit:godwit/..."'. */
static const struct lyd_node *place_of(const struct lyd_node *tree, const char *path)
{
    static const char mark[] = "ata location \"";
    const char *from = path != NULL ? strstr(path, mark) : NULL;
    const char *end = from != NULL ? strrchr(from, '"') : NULL;
    struct lyd_node *match = NULL;

    if (end == NULL || (from += sizeof mark - 1) >= end)
        return tree;
    char *copy = strndup(from, (size_t)(end - from));
    if (copy == NULL || lyd_find_path(tree, copy, 0, &match) != LY_SUCCESS)
        match = NULL;
    free(copy);
    return match != NULL ? match : tree;
}

/* Whatever the walk has not judged and libyang finds wrong. */
static void validate(const struct gw_conf_model *m, struct lyd_node **tree,
                     struct gw_conf_errors *err)
{
    struct gw_conf_path p;

    if (lyd_validate_module(tree, m->mod, LYD_VALIDATE_NO_STATE, NULL) == LY_SUCCESS)
        return;
    const struct ly_err_item *e = ly_err_last(m->ctx);
    char what[512] = "does not follow the model";
    if (e != NULL && e->msg != NULL)
        (void)snprintf(what, sizeof what, "%s", e->msg);
    const struct lyd_node *at = place_of(*tree, e != NULL ? e->path : NULL);
    gw_conf_error(err, gw_conf_line(at), gw_conf_path_of(at, &p), "%s", what);
}

static void run(const struct gw_conf_model *m, const struct gw_conf_source *src,
                const struct want *want, struct gw_conf_errors *err)
{
    struct gw_yaml yaml;
    struct lyd_node *tree = NULL;
    struct gw_config *c = NULL;

    if (gw_yaml_parse(&yaml, src->text, src->len, err))
        tree = gw_conf_walk(m, gw_yaml_root(&yaml), err);
    gw_yaml_free(&yaml);
    if (tree == NULL)
        return;
    gw_conf_derive(m, src->dir != NULL ? src->dir : ".", &tree, err);
    gw_conf_check(tree, src, err);
    if (err->errors == 0 && !err->nomem)
        validate(m, &tree, err);
    if (err->errors == 0 && !err->nomem)
        c = gw_conf_build(tree, src, err);
    if (c != NULL && want->text != NULL) {
        *want->text = gw_conf_print(tree, want->hide_secrets);
        err->nomem = *want->text == NULL;
    }
    lyd_free_all(tree);
    if (want->config != NULL && !err->nomem)
        *want->config = c;
    else
        gw_config_free(c);
}

static int load(struct gw_conf_model *model, const struct gw_conf_source *src,
                const struct gw_conf_report *report, const struct want *want)
{
    struct gw_conf_errors err = {.file = src->name};
    struct gw_conf_model *own = model == NULL ? gw_conf_model_new() : NULL;
    uint32_t store = LY_LOSTORE_LAST;

    ly_temp_log_options(&store);
    if (model == NULL)
        model = own;
    if (model == NULL)
        err.nomem = true;
    else if (src->len > GW_CONF_MAX_SIZE)
        gw_conf_error(&err, 1, "/", "is too large, expected at most %u octets", GW_CONF_MAX_SIZE);
    else
        run(model, src, want, &err);
    ly_temp_log_options(NULL);
    int result = err.nomem ? GW_ENOMEM : err.errors > 0 ? GW_EFORMAT : 0;
    gw_conf_errors_flush(&err, report);
    gw_conf_model_free(own);
    return result;
}

int gw_conf_load_text(struct gw_conf_model *model, const struct gw_conf_source *src,
                      const struct gw_conf_report *report, struct gw_config **out)
{
    *out = NULL;
    return load(model, src, report, &(struct want){.config = out});
}

int gw_conf_show_text(struct gw_conf_model *model, const struct gw_conf_source *src,
                      bool hide_secrets, const struct gw_conf_report *report, char **out)
{
    *out = NULL;
    return load(model, src, report, &(struct want){.text = out, .hide_secrets = hide_secrets});
}

/* ---- files ---- */

/* An open regular file, or -1 with *why. */
static int open_regular(const char *path, struct stat *st, const char **why)
{
    /* Not to hang on a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fstat(fd, st) != 0) {
        *why = strerrordesc_np(errno);
    } else if (!S_ISREG(st->st_mode)) {
        *why = S_ISDIR(st->st_mode) ? "is a directory" : "is not a file";
    } else {
        return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Up to size octets; -1 with *why. */
static ssize_t read_all(int fd, char *buf, size_t size, const char **why)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, buf + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *why = strerrordesc_np(errno);
            return -1;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_secret(void *user, const char *path, char *buf, size_t size, size_t *len,
                       const char **why)
{
    struct stat st;
    int fd = open_regular(path, &st, why);
    ssize_t n = -1;

    (void)user;
    if (fd < 0)
        return GW_ESYS;
    if ((st.st_mode & S_IRWXO) != 0)
        *why = "is open to others (its mode), expected mode 0600 or 0640";
    else if ((size_t)st.st_size > size)
        *why = "is too large";
    else
        n = read_all(fd, buf, size, why);
    (void)close(fd);
    if (n < 0)
        return GW_ESYS;
    *len = (size_t)n;
    return 0;
}

/* The text of the file, to be freed; NULL after an error. */
static char *read_file(const char *path, size_t *len, struct stat *st, struct gw_conf_errors *err)
{
    const char *why = NULL;
    int fd = open_regular(path, st, &why);
    char *text = NULL;
    ssize_t n = -1;

    if (fd >= 0 && st->st_size > (off_t)GW_CONF_MAX_SIZE)
        why = "is too large, expected at most 4 MiB";
    else if (fd >= 0 && (text = malloc((size_t)st->st_size + 1)) == NULL)
        err->nomem = true;
    else if (fd >= 0)
        n = read_all(fd, text, (size_t)st->st_size, &why);
    if (fd >= 0)
        (void)close(fd);
    if (n < 0) {
        free(text);
        if (why != NULL)
            gw_conf_error(err, 1, "/", "cannot be read: %s, expected a YAML file", why);
        return NULL;
    }
    *len = (size_t)n;
    text[n] = '\0';
    return text;
}

static char *directory_of(const char *path)
{
    char *real = realpath(path, NULL);

    if (real == NULL)
        return NULL;
    char *dir = strdup(dirname(real));
    free(real);
    return dir;
}

static int load_file(const char *path, const struct gw_conf_report *report, const struct want *want)
{
    struct gw_conf_errors err = {.file = path};
    struct stat st;
    size_t len = 0;
    int result = GW_ESYS;
    char *text = read_file(path, &len, &st, &err);

    if (text != NULL) {
        char *dir = directory_of(path);
        struct gw_conf_source src = {.name = path,
                                     .dir = dir,
                                     .text = text,
                                     .len = len,
                                     .read_secret = read_secret,
                                     .exposed = (st.st_mode & S_IRWXO) != 0};
        result = load(NULL, &src, report, want);
        explicit_bzero(text, len);
        free(dir);
    } else if (err.nomem) {
        result = GW_ENOMEM;
    }
    gw_conf_errors_flush(&err, report);
    free(text);
    return result;
}

int gw_conf_load_file(const char *path, const struct gw_conf_report *report, struct gw_config **out)
{
    *out = NULL;
    return load_file(path, report, &(struct want){.config = out});
}

int gw_conf_show_file(const char *path, bool hide_secrets, const struct gw_conf_report *report,
                      char **out)
{
    *out = NULL;
    return load_file(path, report, &(struct want){.text = out, .hide_secrets = hide_secrets});
}
