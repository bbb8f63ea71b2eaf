/* movement.c: see movement.h. Whole numbers only, once degrees have become centimetres: the same
 * movement with every compiler.
 *
 * Random waypoint: a node stays for a moment, then walks straight to within half a mean distance of
 * some site at a speed drawn anew, and so on; destinations are drawn over the sites, not over the
 * box around them, so that there are as many nodes as there are MAARs everywhere. At first half of
 * the nodes are on their way.
 */
#include "movement.h"

#include "base/table.h"
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* -- draws --------------------------------------------------------------------------------------
 */

/* splitmix64: a stream is one number. */
uint64_t sim_draw_number(uint64_t *stream)
{
    uint64_t z = *stream += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int64_t below(uint64_t *stream, int64_t n)
{
    return n > 0 ? (int64_t)(sim_draw_number(stream) % (uint64_t)n) : 0;
}

/* -ln u = ln 2 * -log2 u; the logarithm's 16 fractional bits by repeated squaring. */
int64_t sim_draw_exponential(uint64_t *stream, int64_t mean)
{
    uint64_t u = sim_draw_number(stream) | 1;
    int zeros = __builtin_clzll(u);
    uint64_t f = u << zeros >> 32; /* 1 <= f < 2 as 1.31 */
    int64_t log2 = 0;

    for (int bit = 15; bit >= 0; bit--) {
        f = f * f >> 31;
        if (f >> 32 != 0) {
            log2 |= INT64_C(1) << bit;
            f >>= 1;
        }
    }
    int64_t minus = ((int64_t)(zeros + 1) << 16) - log2;
    return mean * minus / 65536 * 45426 / 65536; /* ln 2 */
}

/* -- legs ---------------------------------------------------------------------------------------
 */

struct sim_pos sim_leg_at(const struct sim_leg *l, int64_t ms)
{
    int64_t span = l->end - l->begin, past = ms - l->begin;

    if (past <= 0 || span <= 0)
        return past < 0 ? l->from : l->to;
    if (past >= span)
        return l->to;
    return (struct sim_pos){
        l->from.x + (int32_t)(((int64_t)l->to.x - l->from.x) * past / span),
        l->from.y + (int32_t)(((int64_t)l->to.y - l->from.y) * past / span),
    };
}

int32_t sim_leg_speed(const struct sim_leg *l)
{
    int64_t span = l->end - l->begin;
    return span <= 0 ? 0 : (int32_t)((sim_distance(l->from, l->to) * 1000 + span - 1) / span);
}

/* -- random waypoint ----------------------------------------------------------------------------
 */

static struct sim_pos waypoint(const struct sim_movement *m, uint64_t *draw)
{
    struct sim_pos p = m->area->at[below(draw, (int64_t)m->area->n)];
    int32_t s = m->area->spacing;

    p.x += (int32_t)below(draw, s) - s / 2;
    p.y += (int32_t)below(draw, s) - s / 2;
    return p;
}

static void walk(const struct sim_movement *m, struct sim_leg *l)
{
    int32_t slow = m->random.slow, fast = m->random.fast;
    int64_t speed = slow + below(&l->draw, fast - slow + 1);

    l->from = l->to;
    l->to = waypoint(m, &l->draw);
    l->begin = l->end;
    l->end += sim_distance(l->from, l->to) * 1000 / speed + 1;
}

static bool random_next(const struct sim_movement *m, struct sim_leg *l)
{
    bool walked = l->from.x != l->to.x || l->from.y != l->to.y;

    if (!walked || m->random.pause == 0) {
        walk(m, l);
        return true;
    }
    l->from = l->to;
    l->begin = l->end;
    l->end += 1 + below(&l->draw, m->random.pause);
    return true;
}

static struct sim_leg random_begin(const struct sim_movement *m, size_t node)
{
    struct sim_leg l = {.draw = m->random.seed ^ (node + 1) * UINT64_C(0xd1342543de82ef95)};

    l.to = waypoint(m, &l.draw);
    l.end = below(&l.draw, m->random.ramp + 1);
    l.from = l.to;
    if (below(&l.draw, 2) == 0)
        l.from.x--; /* as if it had just arrived: it stays first */
    l.begin = l.end;
    return l;
}

/* -- trace --------------------------------------------------------------------------------------
 */

struct name {
    uint32_t index;
    char text[];
};

static uint64_t name_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, strlen(key), seed);
}
static bool name_eq(const void *key, const void *obj)
{
    return strcmp(key, ((const struct name *)obj)->text) == 0;
}
static const void *name_key(const void *obj)
{
    return ((const struct name *)obj)->text;
}
static const struct gw_table_ops name_ops = {.hash = name_hash, .eq = name_eq, .key = name_key};

static uint32_t index_of(struct gw_table *names, const char *text)
{
    struct name *n = gw_table_get(names, text);

    if (n == NULL) {
        size_t len = strlen(text) + 1;
        n = sim_new_memory(sizeof *n + len);
        n->index = (uint32_t)gw_table_count(names);
        memcpy(n->text, text, len);
        if (gw_table_put(names, n) != 0)
            abort();
    }
    return n->index;
}

static void forget_names(struct gw_table *names)
{
    struct name *n;

    for (size_t i = 0; (n = gw_table_next(names, &i)) != NULL;)
        free(n);
    gw_table_free(names);
}

/* One line, which is cut up; NULL or what is wrong with which value. */
static const char *point(const struct sim_sites *s, struct gw_table *names, char *line,
                         struct sim_point *out, const char **value)
{
    char *rest = line;
    const char *time = strsep(&rest, ","), *node = strsep(&rest, ","), *lat = strsep(&rest, ","),
               *lon = strsep(&rest, ",\r\n");
    double seconds, north, east;

    *value = time;
    if (lon == NULL)
        return "time,node,latitude,longitude is expected";
    if (!sim_degrees(time, 1e12, &seconds))
        return "is no time in seconds";
    *value = node;
    if (*node == 0)
        return "names no node";
    *value = lat;
    if (!sim_degrees(lat, 90, &north))
        return "is no latitude";
    *value = lon;
    if (!sim_degrees(lon, 180, &east))
        return "is no longitude";
    *out = (struct sim_point){.ms = (int64_t)(seconds * 1000),
                              .node = index_of(names, node),
                              .pos = sim_project(s, north, east)};
    return NULL;
}

static int by_node(const void *a, const void *b)
{
    const struct sim_point *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->ms < y->ms ? -1 : x->ms > y->ms;
}

static bool read_points(struct sim_trace_file *t, const struct sim_sites *s, FILE *f,
                        const char *file, char *why, size_t size)
{
    struct gw_table names;
    char line[1024];
    const char *wrong = NULL, *value;

    gw_table_init(&names, &gw_alloc_libc, &name_ops, 0, 0);
    for (size_t number = 1; wrong == NULL && fgets(line, sizeof line, f) != NULL; number++) {
        if (number == 1 && strncmp(line, "time", 4) == 0)
            continue;
        line[strcspn(line, "\r\n")] = 0;
        if (t->n % 4096 == 0)
            t->point = sim_more_memory(t->point, (t->n + 4096) * sizeof *t->point);
        wrong = point(s, &names, line, &t->point[t->n], &value);
        t->n += wrong == NULL;
        if (wrong != NULL)
            (void)snprintf(why, size, "%s:%zu: \"%.40s\" %s", file, number, value, wrong);
    }
    t->nodes = gw_table_count(&names);
    forget_names(&names);
    if (wrong == NULL && t->n == 0)
        (void)snprintf(why, size, "%s: has no positions", file);
    return wrong == NULL && t->n > 0;
}

/* Sorted, from time 0 on; false when a node is at two places at once. */
static bool order(struct sim_trace_file *t, const char *file, char *why, size_t size)
{
    int64_t first = INT64_MAX;

    qsort(t->point, t->n, sizeof *t->point, by_node);
    for (size_t i = 0; i < t->n; i++) {
        const struct sim_point *p = &t->point[i];
        first = p->ms < first ? p->ms : first;
        if (i > 0 && p[-1].node == p->node && p[-1].ms == p->ms) {
            (void)snprintf(why, size, "%s: the %" PRIu32 ". node has two positions at %.3f", file,
                           p->node + 1, (double)p->ms / 1000);
            return false;
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        t->point[i].ms -= first;
        t->end = t->point[i].ms > t->end ? t->point[i].ms : t->end;
    }
    return true;
}

bool sim_trace_read(struct sim_trace_file *t, const struct sim_sites *s, const char *file,
                    char *why, size_t size)
{
    FILE *f = fopen(file, "r");

    *t = (struct sim_trace_file){0};
    if (f == NULL) {
        (void)snprintf(why, size, "%s: cannot be opened", file);
        return false;
    }
    bool ok = read_points(t, s, f, file, why, size) && order(t, file, why, size);
    (void)fclose(f);
    return ok;
}

void sim_trace_free(struct sim_trace_file *t)
{
    free(t->point);
    *t = (struct sim_trace_file){0};
}

static struct sim_leg trace_begin(const struct sim_movement *m, size_t node)
{
    size_t i = m->first[node];
    const struct sim_point *p = &m->trace->point[i];

    return (struct sim_leg){.from = p->pos, .to = p->pos, .begin = p->ms, .end = p->ms, .draw = i};
}

static bool trace_next(const struct sim_movement *m, struct sim_leg *l, size_t node)
{
    if (++l->draw == m->first[node + 1])
        return false;
    const struct sim_point *p = &m->trace->point[l->draw];
    l->from = l->to;
    l->begin = l->end;
    l->to = p->pos;
    l->end = p->ms;
    return true;
}

/* -- either -------------------------------------------------------------------------------------
 */

void sim_movement_make(struct sim_movement *m)
{
    if (m->trace == NULL)
        return;
    m->first = sim_new_memory((m->trace->nodes + 1) * sizeof *m->first);
    for (size_t i = 0; i < m->trace->n; i++)
        m->first[m->trace->point[i].node + 1] = i + 1;
}

void sim_movement_free(struct sim_movement *m)
{
    free(m->first);
    m->first = NULL;
}

struct sim_leg sim_movement_begin(const struct sim_movement *m, size_t node)
{
    return m->trace != NULL ? trace_begin(m, node) : random_begin(m, node);
}

bool sim_movement_next(const struct sim_movement *m, struct sim_leg *l, size_t node)
{
    return m->trace != NULL ? trace_next(m, l, node) : random_next(m, l);
}
