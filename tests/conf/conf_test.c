/* conf_test.c: the helpers of conf_test.h. */
#include "conf_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static void add(char *to, size_t size, const char *line)
{
    size_t used = strlen(to);

    assert_in_range(strlen(line) + 2, 0, size - used);
    (void)snprintf(to + used, size - used, "%s\n", line);
}

static void keep_error(void *user, const char *line)
{
    struct lines *l = user;

    add(l->errors, sizeof l->errors, line);
}

static void keep_warning(void *user, const char *line)
{
    struct lines *l = user;

    add(l->warnings, sizeof l->warnings, line);
}

struct gw_conf_report report_into(struct lines *l)
{
    *l = (struct lines){.errors = ""};
    return (struct gw_conf_report){.error = keep_error, .warning = keep_warning, .user = l};
}

char *read_text(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 65536);

    assert_non_null(f);
    assert_non_null(text);
    size_t n = fread(text, 1, 65535, f);
    assert_true(n < 65535);
    (void)fclose(f);
    return text;
}

static const char *wanted_suffix;

static int has_suffix(const struct dirent *e)
{
    size_t len = strlen(e->d_name), want = strlen(wanted_suffix);

    return len > want && strcmp(e->d_name + len - want, wanted_suffix) == 0;
}

size_t for_each_file(const char *dir, const char *suffix,
                     void (*fn)(const char *dir, const char *name))
{
    struct dirent **list;

    wanted_suffix = suffix;
    int n = scandir(dir, &list, has_suffix, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        list[i]->d_name[strlen(list[i]->d_name) - strlen(suffix)] = '\0';
        fn(dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return (size_t)n;
}
