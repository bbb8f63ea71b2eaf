/* derive.c: defaults. Those that are constants are in the model and libyang fills them in; those
 * that follow from the node's name, its address or the place of the file are made here, so that
 * the tree holds the whole configuration in values.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/stages.h"
#include "conf/tree.h"

static void change(struct lyd_node *leaf, const char *text, struct gw_conf_errors *err)
{
    LY_ERR e = text == NULL ? LY_EMEM : lyd_change_term(leaf, text);
    struct gw_conf_path p;

    if (e == LY_SUCCESS || e == LY_EEXIST || e == LY_ENOT)
        return; /* the latter two: the same value, or the same as the default */
    if (e == LY_EMEM)
        err->nomem = true;
    else
        gw_conf_error(err, gw_conf_line(leaf), gw_conf_path_of(leaf, &p),
                      "is %zu octets long with the name of the node in it, expected less",
                      strlen(text));
}

/* The path with the node's name for %n, to be freed. */
static char *expand(const char *path, const char *name)
{
    size_t n = 0, size;
    const char *from;
    char *out, *at;

    for (from = path; (from = strstr(from, "%n")) != NULL; from += 2)
        n++;
    size = strlen(path) + n * strlen(name) + 1;
    at = out = malloc(size);
    if (out == NULL)
        return NULL;
    while ((from = strstr(path, "%n")) != NULL) {
        at = mempcpy(at, path, (size_t)(from - path));
        at = stpcpy(at, name);
        path = from + 2;
    }
    (void)stpcpy(at, path);
    return out;
}

static void derive_path(const struct lyd_node *in, const char *leaf, const char *name,
                        struct gw_conf_errors *err)
{
    struct lyd_node *n = (struct lyd_node *)gw_conf_child(in, leaf);

    if (n == NULL || name == NULL || strstr(lyd_get_value(n), "%n") == NULL)
        return;
    char *text = expand(lyd_get_value(n), name);
    change(n, text, err);
    free(text);
}

static void derive_paths(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *daemon = gw_conf_child(tree, "daemon");
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    const char *name = gw_conf_str(gw_conf_child(tree, "node"), "name");

    derive_path(daemon, "control-socket", name, err);
    derive_path(daemon, "state-directory", name, err);
    derive_path(daemon, "pin-directory", name, err);
    derive_path(gw_conf_child(daemon, "log"), "file", name, err);
    derive_path(steering, "agent-socket", name, err);
    derive_path(gw_conf_child(steering, "announce"), "bird-socket", name, err);
}

static void derive_dlif(const struct gw_conf_model *m, const struct lyd_node *tree,
                        struct gw_conf_errors *err)
{
    struct lyd_node *dlif = (struct lyd_node *)gw_conf_child(tree, "dlif");
    char text[GW_TEXT_MAX];
    struct gw_addr addr, ll;
    struct gw_lladdr mac;

    if (dlif == NULL || !gw_conf_addr(gw_conf_child(tree, "node"), "address", &addr))
        return;
    gw_dlif_default(&addr, &ll, &mac);
    if (gw_conf_child(dlif, "link-local") == NULL &&
        lyd_new_term(dlif, m->mod, "link-local", gw_fmt_addr(&ll, text), 0, NULL) != LY_SUCCESS)
        err->nomem = true;
    if (gw_conf_child(dlif, "link-layer") == NULL &&
        lyd_new_term(dlif, m->mod, "link-layer", gw_fmt_lladdr(&mac, text), 0, NULL) != LY_SUCCESS)
        err->nomem = true;
}

void gw_conf_derive_file(const struct lyd_node *in, const char *leaf, const char *dir,
                         struct gw_conf_errors *err)
{
    struct lyd_node *n = (struct lyd_node *)gw_conf_child(in, leaf);
    char *text = NULL;

    if (n == NULL || lyd_get_value(n)[0] == '/')
        return;
    if (asprintf(&text, "%s/%s", dir, lyd_get_value(n)) < 0)
        text = NULL;
    change(n, text, err);
    free(text);
}

/* Those that the files name may be relative. */
static void derive_files(const struct lyd_node *tree, const char *dir, struct gw_conf_errors *err)
{
    const struct lyd_node *peer, *key, *nas, *x;

    for (peer = gw_conf_child(tree, "peers"); peer != NULL; peer = gw_conf_next(peer)) {
        for (key = gw_conf_child(peer, "keys"); key != NULL; key = gw_conf_next(key))
            gw_conf_derive_file(key, "secret-file", dir, err);
    }
    nas = gw_conf_child(gw_conf_child(gw_conf_child(tree, "attachment"), "radius"), "nas");
    for (; nas != NULL; nas = gw_conf_next(nas))
        gw_conf_derive_file(nas, "secret-file", dir, err);
    for (x = gw_conf_child(tree, "instances"); x != NULL; x = gw_conf_next(x))
        gw_conf_derive_file(x, "token-file", dir, err);
    gw_conf_derive_file(gw_conf_child(gw_conf_child(tree, "steering"), "stamp"), "secret-file", dir,
                        err);
}

void gw_conf_derive(const struct gw_conf_model *m, const char *dir, struct lyd_node **tree,
                    struct gw_conf_errors *err)
{
    if (lyd_new_implicit_module(tree, m->mod, 0, NULL) != LY_SUCCESS) {
        err->nomem = true;
        return;
    }
    derive_paths(*tree, err);
    derive_dlif(m, *tree, err);
    derive_files(*tree, dir, err);
    gw_conf_derive_steer(m, *tree, err);
    gw_conf_derive_handover(m, *tree, dir, err);
}
