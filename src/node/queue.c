/* queue.c: blocks of memory that are filled and emptied together. */
#include "node/queue.h"

#define BLOCK 131072u

void gw_queue_init(struct gw_queue *q, const struct gw_alloc *al)
{
    *q = (struct gw_queue){.al = al};
}

static void free_from(struct gw_queue *q, struct gw_queue_block *b)
{
    while (b != NULL) {
        struct gw_queue_block *next = b->next;
        gw_free(q->al, b, sizeof *b + b->size);
        b = next;
    }
}

void gw_queue_free(struct gw_queue *q)
{
    free_from(q, q->first);
    gw_queue_init(q, q->al);
}

void gw_queue_recycle(struct gw_queue *q)
{
    if (q->head != NULL || q->first == NULL)
        return;
    free_from(q, q->first->next);
    q->first->next = NULL;
    q->first->used = 0;
    q->last = q->first;
}

static struct gw_queue_block *grow(struct gw_queue *q)
{
    struct gw_queue_block *b = q->al->resize(q->al->user, NULL, 0, sizeof *b + BLOCK);

    if (b == NULL)
        return NULL;
    *b = (struct gw_queue_block){.size = BLOCK};
    if (q->last != NULL)
        q->last->next = b;
    else
        q->first = b;
    q->last = b;
    return b;
}

int gw_queue_reserve(struct gw_queue *q)
{
    if (q->last != NULL && q->last->size - q->last->used >= GW_QUEUE_RESERVE)
        return 0;
    return grow(q) != NULL ? 0 : GW_ENOMEM;
}

static void *get(struct gw_queue *q, size_t len)
{
    struct gw_queue_block *b = q->last;

    len = (len + 15) & ~(size_t)15;
    if (b == NULL || b->size - b->used < len)
        b = len <= BLOCK ? grow(q) : NULL;
    if (b == NULL) {
        q->lost++;
        return NULL;
    }
    void *p = b->data + b->used;
    b->used += len;
    return p;
}

void *gw_queue_copy(struct gw_queue *q, const void *data, size_t len)
{
    void *p = get(q, len == 0 ? 1 : len);

    if (p != NULL && len != 0)
        memcpy(p, data, len);
    return p;
}

void gw_queue_add(struct gw_queue *q, const struct gw_action *a)
{
    struct gw_queue_item *i = get(q, sizeof *i);

    if (i == NULL)
        return;
    *i = (struct gw_queue_item){.act = *a};
    if (q->tail != NULL)
        q->tail->next = i;
    else
        q->head = i;
    q->tail = i;
}

bool gw_queue_next(struct gw_queue *q, struct gw_action *a)
{
    struct gw_queue_item *i = q->head;

    if (i == NULL) { /* what a start or a reload has taken for thousands of peers goes back */
        gw_queue_recycle(q);
        return false;
    }
    *a = i->act;
    q->head = i->next;
    if (q->head == NULL)
        q->tail = NULL;
    return true;
}
