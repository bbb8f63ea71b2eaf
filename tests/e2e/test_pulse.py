"""The figures of packets that went to a service and back while their sender moved."""
from godwit_lab import pulse

MS = 1_000_000


def packets(*rows):
    """(sent, took up, took down) in ms; (sent,): lost"""
    return [pulse.Packet(r[0] * MS, 1, sum(r) * MS, r[1] * MS, r[2] * MS) if len(r) == 3
            else pulse.Packet(r[0] * MS, 0, 0, 0, 0) for r in rows]


def test_what_is_lost_late_or_out_of_order_is_counted():
    went = packets((0, 2, 2), (5, 2, 2), (10,), (15,), (20, 9, 2), (25, 2, 8), (30, 2, 2))
    found = pulse.summary(went, 8 * MS, 40 * MS)
    assert found == {"sent": 5, "lost": 2, "duplicated": 0, "reordered": 2, "gap_ms": 12.0, "longest_ms": 11.0}
    assert pulse.reordered(packets((0, 2, 2), (5, 2, 2))) == 0
    assert pulse.gap_ms(packets((0,), (5,)), 0) is None
    went[0].answers = 3
    assert pulse.duplicated(went) == 2
