/* batch.c: what waits for the store. The records that one iteration of the loop writes are one
 * batch, committed at its end in one transaction. A Mobility Header message leaves in its turn once
 * the batches before it are as durable as the configuration asks (gw_durability):
 *
 *   none   at once;
 *   batch  after the commit of its own batch;
 *   each   after the sync of its own batch. The sync is done on libuv's pool while the loop goes
 * on; what is committed meanwhile shares the next one.
 *
 * Batches are numbered; a message waits for a number, and none overtakes another. A batch that
 * cannot be committed or synced is logged and counted, and its messages leave nevertheless: a full
 * disk must not end the sessions of a whole domain. So do those of the batches that end before the
 * store tries again (gw_store_retry, for which the loop wakes up: io.c).
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

#define QUEUE_MAX (4u << 20) /* octets of waiting messages */

struct queued {
    struct gw_mh_addrs addrs;
    size_t len;
    uint64_t batch; /* that must be durable */
};

static void send_mh(struct gwd *d, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len)
{
    char to[GW_TEXT_MAX];
    if (!gw_node_may_send(d->node, &addrs->dst)) {
        d->count.mh_unprotected++;
        return;
    }
    if (gw_mh_send(d->mh.fd, addrs, data, len) == 0) {
        d->count.mh_sent++;
        return;
    }
    d->count.mh_send_errors++;
    gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_SIGNAL, "mh-send-failed", "to %s: %s",
           gw_fmt_addr(&addrs->dst, to), strerror(errno));
}

static bool reserve(struct gwd_queue *q, size_t more)
{
    if (q->used + more <= q->size)
        return true;
    size_t size = (q->used + more) * 2;
    uint8_t *buf = realloc(q->buf, size);
    if (buf == NULL)
        return false;
    q->buf = buf;
    q->size = size;
    return true;
}

void gwd_send_mh(struct gwd *d, const struct gw_action *act)
{
    struct queued head = {act->mh.addrs, act->mh.len, 0};
    size_t need = sizeof head + head.len;
    bool staged = gw_store_staged(d->store) > 0;
    if (d->queue.used == 0 &&
        (d->conf->daemon.durability == GW_DURABLE_NONE || (!staged && d->durable == d->batches))) {
        send_mh(d, &act->mh.addrs, act->mh.data, act->mh.len);
        return;
    }
    if (d->queue.used + need > QUEUE_MAX) {
        gwd_flush(d);
        staged = false;
    }
    if (d->queue.used + need > QUEUE_MAX || !reserve(&d->queue, need)) {
        d->count.mh_send_errors++; /* the sender of the message tries again */
        return;
    }
    head.batch = d->batches + (staged ? 1 : 0);
    memcpy(d->queue.buf + d->queue.used, &head, sizeof head);
    memcpy(d->queue.buf + d->queue.used + sizeof head, act->mh.data, head.len);
    d->queue.used += need;
}

static void release(struct gwd *d)
{
    size_t at = 0;
    while (at < d->queue.used) {
        struct queued head;
        memcpy(&head, d->queue.buf + at, sizeof head);
        if (head.batch > d->durable)
            break;
        send_mh(d, &head.addrs, d->queue.buf + at + sizeof head, head.len);
        at += sizeof head + head.len;
    }
    d->queue.used -= at;
    if (at > 0 && d->queue.used > 0)
        memmove(d->queue.buf, d->queue.buf + at, d->queue.used);
}

static void commit(struct gwd *d, struct gw_time now)
{
    struct gw_store_why why;
    if (gw_store_staged(d->store) == 0)
        return;
    d->batches++;
    int err = gw_store_commit(d->store, now, &why);
    if (err == 0) {
        d->count.store_commits++;
        d->store_dirty = true;
    }
    if (err == 0 || err == GW_EAGAIN)
        return;
    /* The batch stays staged for a later commit. */
    d->count.store_errors++;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_STORE, "commit-failed", "%s", why.text);
}

static void note_synced(struct gwd *d)
{
    d->syncing = false;
    if (d->sync_batch > d->durable)
        d->durable = d->sync_batch;
    if (d->sync_err == 0) {
        d->count.store_syncs++;
        return;
    }
    d->count.store_errors++;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_STORE, "sync-failed", "%s", d->sync_why.text);
}

static void sync_store(uv_work_t *work)
{
    struct gwd *d = work->data;
    d->sync_err = gw_store_sync(d->store, &d->sync_why);
}

static void synced(uv_work_t *work, int status)
{
    struct gwd *d = work->data;
    (void)status; /* it is never cancelled */
    note_synced(d);
    gwd_flush(d);
}

void gwd_sync(struct gwd *d)
{
    if (!d->store_dirty || d->syncing)
        return;
    d->store_dirty = false;
    d->sync_batch = d->batches;
    d->sync.data = d;
    d->syncing = true;
    if (d->serving && uv_queue_work(&d->loop, &d->sync, sync_store, synced) == 0)
        return;
    sync_store(&d->sync);
    note_synced(d);
}

static void flush(struct gwd *d, struct gw_time now)
{
    commit(d, now);
    if (d->conf->daemon.durability == GW_DURABLE_EACH && d->durable < d->batches)
        gwd_sync(d);
    /* Nothing to sync: what was not committed cannot be waited for. */
    if (d->conf->daemon.durability != GW_DURABLE_EACH || (!d->store_dirty && !d->syncing))
        d->durable = d->batches;
    release(d);
}

void gwd_flush(struct gwd *d)
{
    flush(d, gw_clock_mono());
}

void gwd_batch_end(struct gwd *d)
{
    d->serving = false;
    while (d->syncing)
        uv_run(&d->loop, UV_RUN_ONCE);
    flush(d, GW_NEVER); /* the last chance for what an earlier commit has not taken */
}
