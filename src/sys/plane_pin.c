/* plane_pin.c: the directory of pinned maps and links: finding it, reading its schema, clearing
 * it. What the maps hold is plane_maps.c's business.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sys/plane_impl.h"

void gw_bpf_pin_path(const struct gw_bpf *b, const char *what, const char *name, size_t size,
                     char *out)
{
    if (snprintf(out, size, "%s/%s%s", b->pin_dir, what, name) >= (int)size)
        out[0] = '\0'; /* the kernel refuses an empty path with ENOENT */
}

/* mkdir -p */
static int make_dirs(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int rc = mkdir(path, 0700);
        *p = '/';
        if (rc && errno != EEXIST)
            return GW_ESYS;
    }
    return mkdir(path, 0700) && errno != EEXIST ? GW_ESYS : GW_OK;
}

int gw_bpf_pin_dir(const struct gw_bpf *b)
{
    struct statfs fs;

    if (make_dirs(b->pin_dir) || statfs(b->pin_dir, &fs))
        return gw_bpf_fail(b, b->pin_dir);
    if (fs.f_type != BPF_FS_MAGIC) {
        gw_log(b->log, GW_LOG_ERROR, GW_CAT_PLANE, "pin-no-bpffs",
               "%s is not on a BPF file system (mount -t bpf bpf /sys/fs/bpf)", b->pin_dir);
        errno = ENOTSUP;
        return GW_ESYS;
    }
    return GW_OK;
}

/* The schema is the first word of `self` in every version. */
static int64_t read_schema(int fd)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof info, zero = 0;

    if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size < sizeof(uint32_t))
        return GW_ESYS;
    void *value = calloc(1, info.value_size);
    if (!value)
        return GW_ENOMEM;
    uint32_t schema = 0;
    int rc = bpf_map_lookup_elem(fd, &zero, value);
    memcpy(&schema, value, sizeof schema);
    free(value);
    return rc ? (int64_t)GW_ESYS : (int64_t)schema;
}

int64_t gw_bpf_pinned_schema(const struct gw_bpf *b)
{
    char path[4096];

    gw_bpf_pin_path(b, "self", "", sizeof path, path);
    int fd = bpf_obj_get(path);
    if (fd < 0)
        return errno == ENOENT ? 0 : GW_ESYS;
    int64_t schema = read_schema(fd);
    close(fd);
    return schema;
}

void gw_bpf_unpin_all(const struct gw_bpf *b)
{
    char path[4096];
    DIR *d = opendir(b->pin_dir);

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        gw_bpf_pin_path(b, e->d_name, "", sizeof path, path);
        if (unlink(path) && errno != ENOENT)
            gw_bpf_fail(b, path);
    }
    closedir(d);
    rmdir(b->pin_dir);
}
