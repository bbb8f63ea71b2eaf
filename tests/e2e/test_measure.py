"""The demo's arithmetic: what belongs to which handover."""
import conftest  # noqa: F401  (puts the lab on the path)
from godwit_lab import measure

MS = 1_000_000
S = 1000 * MS


def test_windows_join_without_gap_or_overlap():
    moves = [{"begin_ns": 10 * S}, {"begin_ns": 20 * S}]
    assert measure.windows(moves, 30 * S) == [(10 * S - S // 2, 20 * S - S // 2),
                                              (20 * S - S // 2, 30 * S)]


def test_lost_and_duplicated_are_counted_within_the_window_only():
    records = [(1 * S, 0), (2 * S, 0), (2 * S + 5 * MS, 3), (2 * S + 10 * MS, 1), (3 * S, 0)]
    assert measure.udp_counts(records, (2 * S, 3 * S)) == (1, 2)


def test_the_longest_gap_may_reach_beyond_the_window():
    times = [(0, 1), (100 * MS, 2), (400 * MS, 3), (1900 * MS, 4), (2000 * MS, 5)]
    assert measure.longest_gap_ms(times, (200 * MS, 300 * MS)) == 300
    assert measure.longest_gap_ms(times, (0, 100 * MS)) == 100
    assert measure.longest_gap_ms(times, (500 * MS, 3 * S)) == 1500
    assert measure.longest_gap_ms([], (0, S)) == 0


def test_messages_are_counted_on_the_clock_of_the_moves():
    clocks = (1_700_000_000 * S, 50 * S)
    walls = [clocks[0] + n * S for n in (-1, 0, 1, 2)]
    times = [measure.wall_to_monotonic(w, clocks) for w in walls]
    assert measure.message_count(times, (50 * S, 52 * S)) == 2


def test_steps_of_all_nodes_are_told_from_the_attachment():
    rows = [
        ("maar2", {"role": "serving", "steps": {"attachment_seen": 5 * S, "pbu_sent": 5 * S + 2000,
                                                "first_uplink": 0}}),
        ("cmd", {"role": "cmd", "steps": {"pbu_received": 5 * S + 1000}}),
        ("maar1", {"role": "previous", "steps": {"plane_programmed": 5 * S + 9000}}),
        ("maar2", {"role": "serving", "steps": {"attachment_seen": 2 * S}}),
    ]
    assert measure.steps_us(rows, "maar2", (4 * S, 6 * S)) == {
        "attachment_seen": 0, "cmd.pbu_received": 1, "pbu_sent": 2, "maar1.plane_programmed": 9}
    assert measure.steps_us(rows, "maar1", (4 * S, 6 * S)) == {}
    assert measure.steps_us(rows, "maar2", (8 * S, 9 * S)) == {}
