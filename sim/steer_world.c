/* steer_world.c: what does not depend on the policy: which sites have instances, which are
 * ingresses, how far they are from each other, and which request comes when from whom. All of it is
 * drawn from the seed.
 */
#include "steer.h"

#include <stdlib.h>

/* A GPU server with Llama-2 70B, of the order that the paper the trace is from has measured
 * (Patel et al., Splitwise, ISCA 2024): 85 ms for a prompt of 1020 tokens, 28 ms per token. */
#define STEER_PROMPT_NS 83000
#define STEER_TOKEN_NS  28000000
/* A path in a metropolitan network: access, and one forwarder in about 250 m. */
#define STEER_PATH_NS 500000
#define STEER_CM_NS   20

int64_t steer_work(const struct steer_row *r)
{
    return (int64_t)r->context * STEER_PROMPT_NS + (int64_t)r->generated * STEER_TOKEN_NS;
}

/* -- places -------------------------------------------------------------------------------------
 */

static uint32_t nearest(const struct sim_pos *of, size_t n, struct sim_pos to)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < n; i++)
        if (sim_distance(of[i], to) < sim_distance(of[best], to))
            best = i;
    return best;
}

/* Sites that cover the area; where that begins is drawn. */
static struct sim_pos *spread(const struct steer_data *d, uint32_t n, struct gw_prng *prng)
{
    struct sim_pos *out = sim_new_memory(n * sizeof *out);

    sim_spread(&d->sites, gw_prng_below(prng, d->sites.n), n, out);
    return out;
}

static void measure(struct steer_world *w, const struct steer_conf *c)
{
    w->delay = sim_new_memory((size_t)c->ingresses * c->servers * sizeof *w->delay);
    for (uint32_t i = 0; i < c->ingresses; i++)
        for (uint32_t k = 0; k < c->servers; k++)
            w->delay[i * c->servers + k] =
                STEER_PATH_NS + STEER_CM_NS * sim_distance(w->ingress[i], w->server[k]);
}

/* -- requests -----------------------------------------------------------------------------------
 */

struct part { /* of the trace */
    const struct steer_row *row;
    size_t n;
    int64_t from, span;
};

static struct part part_of(const struct steer_data *d, uint32_t part)
{
    size_t half = d->nrows / 2, from = part == 2 ? half : 0;
    size_t to = part == 1 ? half : d->nrows;
    struct part p = {.row = d->row + from, .n = to - from, .from = d->row[from].at};

    p.span = d->row[to - 1].at - p.from + 1;
    return p;
}

static int64_t mean_work(const struct part *p)
{
    int64_t sum = 0;

    for (size_t i = 0; i < p->n; i++)
        sum += steer_work(&p->row[i]);
    return p->n == 0 ? 0 : sum / (int64_t)p->n;
}

static void add(struct steer_world *w, size_t *size, int64_t at, const struct steer_row *r)
{
    if (w->nrequests == *size) {
        *size = *size == 0 ? 4096 : 2 * *size;
        w->request = realloc(w->request, *size * sizeof *w->request);
        if (w->request == NULL)
            abort();
    }
    w->request[w->nrequests++] = (struct steer_request){.at = at, .work = steer_work(r)};
}

static int by_arrival(const void *a, const void *b)
{
    const struct steer_request *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->work > y->work) - (x->work < y->work);
}

/* As many copies of the trace as give about the load, each begun at another moment and continued
 * from its beginning when it ends; time is stretched by what is missing. */
static void draw_arrivals(struct steer_world *w, const struct steer_conf *c, const struct part *p,
                          struct gw_prng *prng)
{
    /* Nanoseconds between requests that make the load, and those of one copy. */
    int64_t gap = w->typical * 1000 * STEER_FULL_SPEED /
                  ((int64_t)c->load * c->servers * c->slots * steer_mean_speed());
    int64_t copy_gap = p->span / (int64_t)p->n;
    int64_t copies = (copy_gap + gap / 2) / gap;
    size_t size = 0;

    if (copies == 0)
        copies = 1;
    for (int64_t k = 0; k < copies; k++) {
        size_t i = gw_prng_below(prng, p->n);
        int64_t begun = p->row[i].at, rounds = 0;
        for (;;) {
            int64_t at = (p->row[i].at + rounds - begun) / 1000 * gap / (copy_gap / 1000) * copies;
            if (at >= c->span)
                break;
            add(w, &size, at, &p->row[i]);
            i = i + 1 == p->n ? 0 : i + 1;
            rounds += i == 0 ? p->span : 0;
        }
    }
    qsort(w->request, w->nrequests, sizeof *w->request, by_arrival);
}

void steer_world_make(struct steer_world *w, const struct steer_conf *c, const struct steer_data *d)
{
    struct gw_prng prng;
    struct part p = part_of(d, c->part);

    *w = (struct steer_world){.typical = mean_work(&p)};
    gw_prng_seed(&prng, c->seed);
    w->server = spread(d, c->servers, &prng);
    w->ingress = spread(d, c->ingresses, &prng);
    measure(w, c);
    draw_arrivals(w, c, &p, &prng);
    for (size_t i = 0; i < w->nrequests; i++)
        w->request[i].ingress =
            nearest(w->ingress, c->ingresses, d->user[gw_prng_below(&prng, d->nusers)]);
}

void steer_world_free(struct steer_world *w)
{
    free(w->server);
    free(w->ingress);
    free(w->delay);
    free(w->request);
}
