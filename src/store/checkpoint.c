/* checkpoint.c: see checkpoint.h. Knows of LMDB's file (0.9) that pages 0 and 1 are its meta pages,
 * each beginning with its own number, and where a meta page has its transaction's number; take
 * refuses what does not look so.
 */
#include "store/checkpoint.h"

#include "base/err.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAGIC       0x676f64776974636bULL
#define SLOT_STRIDE 4096 /* so that one torn block is one slot */
#define TXN_AT      144

static uint64_t sum_of(const struct gw_ckpt *c)
{
    return gw_hash(c, offsetof(struct gw_ckpt, sum), MAGIC);
}

void gw_ckpt_boot(char out[48])
{
    memset(out, 0, 48);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, out, 36) != 36)
        memset(out, 0, 48);
    close(fd);
}

int gw_ckpt_read(int fd, struct gw_ckpt *out)
{
    int err = GW_ENOENT;
    for (int slot = 0; slot < 2; slot++) {
        struct gw_ckpt c;
        ssize_t n = pread(fd, &c, sizeof c, (off_t)slot * SLOT_STRIDE);
        if (n < 0)
            return GW_ESYS;
        if (n != sizeof c || c.magic != MAGIC || c.sum != sum_of(&c))
            continue;
        if (err < 0 || c.seq > out->seq)
            *out = c;
        err = 0;
    }
    return err;
}

/* write(2) may do less than asked only for want of space. */
static int write_whole(int fd, const void *data, size_t len, off_t at)
{
    ssize_t n = pwrite(fd, data, len, at);
    if (n >= 0 && (size_t)n != len)
        errno = ENOSPC;
    return n >= 0 && (size_t)n == len ? 0 : GW_ESYS;
}

int gw_ckpt_write(int fd, struct gw_ckpt *c)
{
    c->magic = MAGIC;
    c->sum = sum_of(c);
    int err = write_whole(fd, c, sizeof *c, (off_t)(c->seq & 1) * SLOT_STRIDE);
    return err == 0 && fdatasync(fd) < 0 ? GW_ESYS : err;
}

int gw_ckpt_take(int data_fd, uint64_t page_size, uint64_t txn, struct gw_ckpt *out)
{
    out->page_size = page_size;
    for (uint64_t page = 0; page < 2; page++) {
        uint64_t number, id;
        ssize_t n = pread(data_fd, out->meta, sizeof out->meta, (off_t)(page * page_size));
        if (n < 0)
            return GW_ESYS;
        if (n != sizeof out->meta)
            continue;
        memcpy(&number, out->meta, sizeof number);
        memcpy(&id, out->meta + TXN_AT, sizeof id);
        if (number == page && id == txn)
            return 0;
    }
    return GW_EFORMAT;
}

int gw_ckpt_restore(int data_fd, const struct gw_ckpt *c)
{
    uint8_t meta[GW_CKPT_META];
    memcpy(meta, c->meta, sizeof meta);
    for (uint64_t page = 0; page < 2; page++) {
        memcpy(meta, &page, sizeof page);
        if (write_whole(data_fd, meta, sizeof meta, (off_t)(page * c->page_size)) < 0)
            return GW_ESYS;
    }
    return fsync(data_fd) < 0 ? GW_ESYS : 0;
}
