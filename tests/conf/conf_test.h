/* conf_test.h: what the tests of src/conf share: loading with the lines kept. */
#ifndef CONF_TEST_H
#define CONF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/conf.h"

#define TEST_DIR GODWIT_SOURCE_DIR "/tests/conf"

/* The error lines of one load, and its warnings, each ending in a newline. */
struct lines {
    char errors[32768], warnings[4096];
};
struct gw_conf_report report_into(struct lines *l);

/* The whole file; to be freed. */
char *read_text(const char *path);
/* Every file of a directory whose name ends so, sorted; fn's name has no suffix. Their number. */
size_t for_each_file(const char *dir, const char *suffix,
                     void (*fn)(const char *dir, const char *name));

#endif
