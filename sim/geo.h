/* geo.h: where things are: sites read from a file, the MAARs placed on them, and which MAAR is
 * nearest. Positions are whole centimetres on a plane, so that a run is the same everywhere.
 */
#ifndef SIM_GEO_H
#define SIM_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_pos {
    int32_t x, y; /* centimetres east and north of the first site's south-west corner */
};
int64_t sim_distance(struct sim_pos a, struct sim_pos b); /* centimetres, rounded down */

/* The sites of a file, and how its degrees become positions (equirectangular: right to a part in
 * thousands over a city). */
struct sim_sites {
    double lat, lon; /* of the origin */
    size_t n;
    struct sim_pos *at;
    struct sim_pos size; /* of the box around them */
};
/* CSV with a header line and SITE_ID,LATITUDE,LONGITUDE in front; false: why has file, line and
 * value. */
bool sim_sites_read(struct sim_sites *s, const char *file, char *why, size_t size);
void sim_sites_free(struct sim_sites *s);
/* One degree field of a CSV line: false when it is none or beyond `most` on either side. */
bool sim_degrees(const char *text, double most, double *out);
/* n of the sites, at most all: the first, and each next one the farthest from those before. */
void sim_spread(const struct sim_sites *s, size_t first, size_t n, struct sim_pos *out);
struct sim_pos sim_project(const struct sim_sites *s, double lat, double lon);

/* n MAARs. Up to the number of sites: a subset, each next one the farthest from those before. More:
 * the sites' box is laid out again and again in a square, each site of a copy moved by up to a
 * quarter of the mean distance between sites, drawn from the seed. */
struct sim_area {
    size_t n;
    struct sim_pos *at;
    struct sim_pos size, centre;
    int32_t spacing; /* mean distance between neighbours: sqrt(area / n) */
    int32_t cols, rows;
    uint32_t *first, *member; /* grid: cell c has member[first[c]] up to member[first[c + 1]] */
};
void sim_area_make(struct sim_area *a, const struct sim_sites *s, size_t n, uint64_t seed);
void sim_area_free(struct sim_area *a);

struct sim_near {
    size_t node[2];  /* the nearest and the next; SIZE_MAX: there is no other */
    int64_t dist[2]; /* centimetres */
};
struct sim_near sim_area_near(const struct sim_area *a, struct sim_pos p);

#endif
