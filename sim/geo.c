/* geo.c: see geo.h. Reads site files, lays MAARs out over them, and finds the nearest ones by a
 * grid with about one MAAR a cell, ring by ring.
 *
 * Left to others: who moves where (movement.c), what a move means (scale.c).
 */
#include "geo.h"

#include "sim.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CM_PER_DEGREE 11131949.08 /* of latitude: WGS 84's equator / 360 */

static int64_t root(uint64_t v)
{
    uint64_t r = (uint64_t)sqrt((double)v);

    while (r * r > v)
        r--;
    while ((r + 1) * (r + 1) <= v)
        r++;
    return (int64_t)r;
}

int64_t sim_distance(struct sim_pos a, struct sim_pos b)
{
    int64_t x = (int64_t)a.x - b.x, y = (int64_t)a.y - b.y;
    return root((uint64_t)(x * x + y * y));
}

/* -- sites --------------------------------------------------------------------------------------
 */

bool sim_degrees(const char *text, double most, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == 0 && *out >= -most && *out <= most;
}

struct sim_pos sim_project(const struct sim_sites *s, double lat, double lon)
{
    double east = (lon - s->lon) * cos(s->lat * (M_PI / 180)) * CM_PER_DEGREE;
    double north = (lat - s->lat) * CM_PER_DEGREE;

    return (struct sim_pos){(int32_t)lround(east), (int32_t)lround(north)};
}

struct degrees {
    double lat, lon;
};

/* The second and third field of a line, which is cut up. */
static const char *site(char *line, struct degrees *out)
{
    char *rest = line;

    (void)strsep(&rest, ",");
    const char *lat = strsep(&rest, ","), *lon = strsep(&rest, ",\r\n");
    if (lat == NULL || lon == NULL)
        return "";
    if (!sim_degrees(lat, 90, &out->lat))
        return lat;
    return sim_degrees(lon, 180, &out->lon) ? NULL : lon;
}

static void settle(struct sim_sites *s, const struct degrees *d)
{
    s->lat = d[0].lat;
    s->lon = d[0].lon;
    for (size_t i = 1; i < s->n; i++) {
        s->lat = d[i].lat < s->lat ? d[i].lat : s->lat;
        s->lon = d[i].lon < s->lon ? d[i].lon : s->lon;
    }
    s->at = sim_new_memory(s->n * sizeof *s->at);
    for (size_t i = 0; i < s->n; i++) {
        s->at[i] = sim_project(s, d[i].lat, d[i].lon);
        s->size.x = s->at[i].x > s->size.x ? s->at[i].x : s->size.x;
        s->size.y = s->at[i].y > s->size.y ? s->at[i].y : s->size.y;
    }
}

bool sim_sites_read(struct sim_sites *s, const char *file, char *why, size_t size)
{
    FILE *f = fopen(file, "r");
    struct degrees *d = sim_new_memory(256 * sizeof *d);
    char line[1024];
    const char *bad = NULL;

    *s = (struct sim_sites){0};
    if (f == NULL) {
        (void)snprintf(why, size, "%s: cannot be opened", file);
        free(d);
        return false;
    }
    for (size_t number = 1; bad == NULL && fgets(line, sizeof line, f) != NULL; number++) {
        if (number == 1)
            continue; /* the header */
        if (s->n > 0 && s->n % 256 == 0)
            d = sim_more_memory(d, (s->n + 256) * sizeof *d);
        bad = site(line, &d[s->n++]);
        if (bad != NULL)
            (void)snprintf(why, size, "%s:%zu: \"%.40s\" is no latitude or longitude", file, number,
                           bad);
    }
    (void)fclose(f);
    if (bad == NULL && s->n == 0) {
        (void)snprintf(why, size, "%s: has no sites", file);
        bad = "";
    }
    if (bad == NULL)
        settle(s, d);
    free(d);
    return bad == NULL;
}

void sim_sites_free(struct sim_sites *s)
{
    free(s->at);
    *s = (struct sim_sites){0};
}

/* -- MAARs --------------------------------------------------------------------------------------
 */

void sim_spread(const struct sim_sites *s, size_t first, size_t n, struct sim_pos *out)
{
    int64_t *far = sim_new_memory(s->n * sizeof *far);
    size_t next = first;

    for (size_t i = 0; i < s->n; i++)
        far[i] = INT64_MAX;
    for (size_t k = 0; k < n; k++) {
        out[k] = s->at[next];
        size_t most = 0;
        for (size_t i = 0; i < s->n; i++) {
            int64_t d = i == next ? -1 : sim_distance(s->at[i], s->at[next]);
            far[i] = d < far[i] ? d : far[i];
            most = far[i] > far[most] ? i : most;
        }
        next = most;
    }
    free(far);
}

static int32_t shift(struct gw_prng *prng, int32_t most)
{
    return (int32_t)gw_prng_below(prng, 2 * (uint64_t)most + 1) - most;
}

static void tile(struct sim_area *a, const struct sim_sites *s, uint64_t seed)
{
    size_t copies = (a->n + s->n - 1) / s->n, cols = 1;
    struct sim_pos box = {s->size.x + a->spacing, s->size.y + a->spacing};
    struct gw_prng prng;

    gw_prng_seed(&prng, seed ^ 0x67656fu);
    while (cols * cols < copies)
        cols++;
    for (size_t i = 0; i < a->n; i += s->n) {
        size_t copy = i / s->n, n = a->n - i < s->n ? a->n - i : s->n;
        sim_spread(s, 0, n, a->at + i);
        for (size_t k = i; k < i + n; k++) {
            int32_t most = copy > 0 ? a->spacing / 4 : 0;
            a->at[k].x += (int32_t)(copy % cols) * box.x + shift(&prng, most);
            a->at[k].y += (int32_t)(copy / cols) * box.y + shift(&prng, most);
        }
    }
}

static size_t cell_of(const struct sim_area *a, struct sim_pos p)
{
    int32_t c = p.x / a->spacing, r = p.y / a->spacing;

    c = p.x < 0 ? 0 : c >= a->cols ? a->cols - 1 : c;
    r = p.y < 0 ? 0 : r >= a->rows ? a->rows - 1 : r;
    return (size_t)r * (size_t)a->cols + (size_t)c;
}

static void make_grid(struct sim_area *a)
{
    a->cols = a->size.x / a->spacing + 1;
    a->rows = a->size.y / a->spacing + 1;
    size_t cells = (size_t)a->cols * (size_t)a->rows;
    a->first = sim_new_memory((cells + 1) * sizeof *a->first);
    a->member = sim_new_memory(a->n * sizeof *a->member);
    for (size_t i = 0; i < a->n; i++)
        a->first[cell_of(a, a->at[i]) + 1]++;
    for (size_t c = 0; c < cells; c++)
        a->first[c + 1] += a->first[c];
    uint32_t *fill = sim_new_memory(cells * sizeof *fill);
    for (size_t i = 0; i < a->n; i++) {
        size_t c = cell_of(a, a->at[i]);
        a->member[a->first[c] + fill[c]++] = (uint32_t)i;
    }
    free(fill);
}

static void measure(struct sim_area *a)
{
    a->size = (struct sim_pos){0, 0};
    for (size_t i = 0; i < a->n; i++) {
        a->size.x = a->at[i].x > a->size.x ? a->at[i].x : a->size.x;
        a->size.y = a->at[i].y > a->size.y ? a->at[i].y : a->size.y;
    }
    a->centre = (struct sim_pos){a->size.x / 2, a->size.y / 2};
}

/* Of sites on a line, along it. */
static int32_t mean_spacing(struct sim_pos size, size_t n)
{
    int64_t d = root((uint64_t)size.x * (uint64_t)size.y / n);
    int64_t along = (size.x > size.y ? size.x : size.y) / (int64_t)n;

    d = d > along ? d : along;
    return d > 100 ? (int32_t)d : 100;
}

void sim_area_make(struct sim_area *a, const struct sim_sites *s, size_t n, uint64_t seed)
{
    *a = (struct sim_area){.n = n, .at = sim_new_memory(n * sizeof *a->at)};
    a->spacing = mean_spacing(s->size, s->n);
    if (n <= s->n)
        sim_spread(s, 0, n, a->at);
    else
        tile(a, s, seed);
    measure(a);
    a->spacing = mean_spacing(a->size, n);
    make_grid(a);
}

void sim_area_free(struct sim_area *a)
{
    free(a->at);
    free(a->first);
    free(a->member);
    *a = (struct sim_area){0};
}

/* -- the nearest --------------------------------------------------------------------------------
 */

static void consider(const struct sim_area *a, struct sim_pos p, size_t cell, struct sim_near *best)
{
    for (uint32_t i = a->first[cell]; i < a->first[cell + 1]; i++) {
        size_t node = a->member[i];
        int64_t d = sim_distance(a->at[node], p);
        if (d < best->dist[0]) {
            best->dist[1] = best->dist[0];
            best->node[1] = best->node[0];
            best->dist[0] = d;
            best->node[0] = node;
        } else if (d < best->dist[1]) {
            best->dist[1] = d;
            best->node[1] = node;
        }
    }
}

/* The cells around (c, r) at a distance of `ring`. */
static void ring_of(const struct sim_area *a, struct sim_pos p, int32_t c, int32_t r, int32_t ring,
                    struct sim_near *best)
{
    int32_t south = r > ring ? r - ring : 0, north = r + ring < a->rows ? r + ring : a->rows - 1;

    for (int32_t y = south; y <= north; y++) {
        bool edge = y == r - ring || y == r + ring;
        for (int32_t x = c - ring; x <= c + ring; x += edge || ring == 0 ? 1 : 2 * ring)
            if (x >= 0 && x < a->cols)
                consider(a, p, (size_t)y * (size_t)a->cols + (size_t)x, best);
    }
}

/* A position outside the grid counts from the cell at its border: what is in further rings is
 * further from that cell, and so from the position. */
struct sim_near sim_area_near(const struct sim_area *a, struct sim_pos p)
{
    struct sim_near best = {.node = {SIZE_MAX, SIZE_MAX}, .dist = {INT64_MAX, INT64_MAX}};
    size_t cell = cell_of(a, p);
    int32_t c = (int32_t)(cell % (size_t)a->cols), r = (int32_t)(cell / (size_t)a->cols);
    int32_t rings = a->cols > a->rows ? a->cols : a->rows;

    for (int32_t ring = 0; ring < rings; ring++) {
        ring_of(a, p, c, r, ring, &best);
        if (best.dist[1] <= (int64_t)ring * a->spacing)
            break;
    }
    return best;
}
