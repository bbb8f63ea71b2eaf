/* A domain whose messages are as the drafts draw them (draft-ietf-dmm-pmipv6-dlif-02, profile
 * `as-drawn`): it works as any other, and D and the Previous MAAR option are where that draft has
 * them. The bits are read off the octets here, not by the codec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define DRAWN_PBU (0x8000 | 0x0200 | 0x0100) /* A, P and D */
#define DRAWN_PBA (0x20 | 0x10)              /* P and D */
#define PREVIOUS  67

static unsigned updates, answers, previous;

static void look_at_options(const uint8_t *data, size_t len)
{
    for (size_t at = 12; at < len;) {
        if (data[at] == GW_OPT_PAD1) {
            at++;
            continue;
        }
        assert_true(at + 2 <= len);
        if (data[at] == PREVIOUS) {
            assert_int_equal(data[at + 1], 33); /* no reserved octet */
            assert_int_equal(data[at + 2], 64);
            assert_int_equal(data[at + 3], 0x20); /* the address follows at once */
            previous++;
        }
        at += 2u + data[at + 1];
    }
}

static int look(struct world *w, struct sim_message *e)
{
    const uint8_t *d = e->data;

    (void)w;
    if (d[2] == GW_MH_BU) {
        assert_int_equal(d[8] << 8 | d[9], DRAWN_PBU);
        updates++;
    } else {
        assert_int_equal(d[2], GW_MH_BA);
        assert_int_equal(d[7], DRAWN_PBA);
        answers++;
    }
    look_at_options(d, e->len);
    return 0;
}

static struct world *drawn(size_t maars)
{
    struct world *w = w_new(maars, 2018);

    for (size_t i = 0; i < w->nnodes; i++) {
        w_crash(w, i);
        w->n[i].cfg->codec.profile = GW_PROFILE_AS_DRAWN;
    }
    for (size_t i = 0; i < w->nnodes; i++)
        w_boot(w, i);
    w_run(w, GW_MSEC(1));
    updates = answers = previous = 0;
    w->tap = look;
    return w;
}

static void roams_and_leaves(void **state)
{
    static const size_t path[] = {1, 2, 3, 1, 2};
    struct world *w = drawn(3);

    (void)state;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        assert_int_equal(w_attach(w, path[i], 1), 0);
        w_run(w, GW_SEC(3)); /* until prefixes in transit have gone */
        w_check(w, 1, path[i]);
    }
    w_check_all(w);
    /* 2n + 2 messages for n = 0, 1, 2, 2, 2 previous MAARs; each names all of them once */
    assert_int_equal(updates, 1 + 2 + 3 + 3 + 3);
    assert_int_equal(answers, updates);
    assert_int_equal(previous, 0 + 1 + 2 + 2 + 2);
    assert_int_equal(w_detach(w, 2, 1), 0);
    w_run(w, GW_SEC(30));
    w_check_gone(w, 1);
    w_free(w);
}

/* A domain speaks one of the two: a message of the other is no DMM message and changes nothing. */
static void mixed_is_refused(void **state)
{
    struct world *w = drawn(2);

    (void)state;
    w_crash(w, 0);
    w->n[0].cfg->codec.profile = GW_PROFILE_REGISTERED;
    w_boot(w, 0);
    w->tap = NULL;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(3));
    assert_null(w_bce(w, 1));
    assert_true(w_count(w, 0, GW_CNT_REFUSED_PEER) > 0); /* a PBU without D: RFC 8885 §4.1 */
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roams_and_leaves),
        cmocka_unit_test(mixed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
