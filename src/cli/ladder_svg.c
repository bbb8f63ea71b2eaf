/* ladder_svg.c: a ladder as SVG 1.1. A row is a line high whatever time it took: between a message
 * and the next there may be a microsecond or a minute; the times stand at the left.
 */
#include <string.h>

#include "cli/ladder.h"

#define LEFT    90 /* pixels: for the times */
#define COLUMN  190
#define TOP     70
#define ROW     24
#define REMARKS 240

static int middle(size_t column)
{
    return LEFT + (int)column * COLUMN + COLUMN / 2;
}

/* Names come from the network. */
static void put_text(FILE *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '<')
            (void)fputs("&lt;", out);
        else if (*s == '>')
            (void)fputs("&gt;", out);
        else if (*s == '&')
            (void)fputs("&amp;", out);
        else
            (void)fputc((unsigned char)*s < ' ' ? '?' : *s, out);
    }
}

static void put_label(FILE *out, const struct gw_ladder_row *r)
{
    put_text(out, r->what);
    if (r->count > 0)
        (void)fprintf(out, " (%lld)", (long long)r->count);
}

static void put_head(FILE *out, const struct gw_ladder_drawing *d, const char *title)
{
    int width = LEFT + (int)d->ncolumns * COLUMN + REMARKS,
        height = TOP + (int)(d->nrows + 2) * ROW;

    (void)fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n"
        "<defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"9\" refY=\"4\" "
        "orient=\"auto\"><path d=\"M0,0 L9,4 L0,8 z\"/></marker></defs>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
        "<text x=\"%d\" y=\"20\" font-size=\"14\">",
        width, height, LEFT);
    put_text(out, title);
    (void)fputs("</text>\n", out);
    for (size_t i = 0; i < d->ncolumns; i++) {
        (void)fprintf(out,
                      "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#999\"/>\n"
                      "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-weight=\"bold\">",
                      middle(i), TOP - 8, middle(i), height - ROW, middle(i), TOP - 16);
        put_text(out, d->column[i].name);
        (void)fputs("</text>\n", out);
    }
}

static void put_message(FILE *out, const struct gw_ladder_row *r, int y)
{
    const char *colour = r->lost || r->error != NULL ? "#b00" : "black";
    int x1 = middle(r->from), x2 = middle(r->to);

    (void)fprintf(out,
                  "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\"%s "
                  "marker-end=\"url(#head)\"/>\n<text x=\"%d\" y=\"%d\" fill=\"%s\"%s>",
                  x1, y, r->lost ? x2 + (x1 - x2) / 4 : x2, y, colour,
                  r->lost ? " stroke-dasharray=\"4\"" : "", x1 < x2 ? x1 + 8 : x1 - 8, y - 4,
                  colour, x1 < x2 ? "" : " text-anchor=\"end\"");
    put_label(out, r);
    (void)fputs("</text>\n", out);
}

static void put_step(FILE *out, const struct gw_ladder_row *r, int y)
{
    const char *colour = r->error != NULL ? "#b00" : "#247";

    (void)fprintf(out,
                  "<circle cx=\"%d\" cy=\"%d\" r=\"3\" fill=\"%s\"/>\n"
                  "<text x=\"%d\" y=\"%d\" fill=\"%s\">",
                  middle(r->from), y, colour, middle(r->from) + 8, y - 4, colour);
    put_label(out, r);
    (void)fputs("</text>\n", out);
}

static void put_remark(FILE *out, const struct gw_ladder_row *r, int x, int y)
{
    bool took = r->sent != GW_LADDER_UNKNOWN && r->received != GW_LADDER_UNKNOWN &&
                r->from != r->to && r->from != 0;

    (void)fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"#666\">", x, y + 4);
    if (r->lost)
        (void)fputs("lost ", out);
    else if (took)
        (void)fprintf(out, "%.3f ms ", (double)(r->received - r->sent) / 1e6);
    if (r->error != NULL)
        put_text(out, r->error);
    (void)fputs("</text>\n", out);
}

void gw_ladder_svg(FILE *out, const struct gw_ladder_drawing *d, const char *title)
{
    put_head(out, d, title);
    for (size_t i = 0; i < d->nrows; i++) {
        const struct gw_ladder_row *r = &d->row[i];
        int y = TOP + (int)(i + 1) * ROW;
        (void)fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.3f ms</text>\n", LEFT - 4,
                      y + 4, (double)gw_ladder_time(r) / 1e6);
        if (r->from != r->to)
            put_message(out, r, y);
        else
            put_step(out, r, y);
        put_remark(out, r, middle(d->ncolumns - 1) + COLUMN / 2, y);
    }
    (void)fputs("</svg>\n", out);
}
