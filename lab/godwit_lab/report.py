"""The demo's figures for people."""

STEPS = (
    ("attachment seen", "attachment_seen"), ("PBU sent", "pbu_sent"),
    ("PBU at the CMD", "cmd.pbu_received"), ("PBA received", "pba_received"),
    ("plane programmed", "plane_programmed"), ("RA sent", "ra_sent"),
    ("first uplink packet", "first_uplink"), ("first downlink packet", "first_downlink"),
)


def _row(label, cells):
    return f"{label:34}" + "".join(f"{c:>18}" for c in cells)


def _step(value):
    return "-" if value is None else f"{value:.0f}"


def lines(result, ratio):
    handovers = result["handovers"]
    yield _row("handover", [f"{h['from']} -> {h['to']}" for h in handovers])
    for label, key in STEPS:
        yield _row(f"  {label}, µs", [_step(h["steps_us"].get(key)) for h in handovers])
    anchors = sorted({s.split(".")[0] for h in handovers for s in h["steps_us"]
                      if s.endswith(".plane_programmed")})
    for node in anchors:
        yield _row(f"  plane programmed at {node}, µs",
                   [_step(h["steps_us"].get(f"{node}.plane_programmed")) for h in handovers])
    for label, key in (("previous MAARs", "previous_maars"), ("UDP lost", "udp_lost"),
                       ("UDP duplicated", "udp_duplicated"), ("TCP stall, ms", "tcp_stall_ms"),
                       ("signalling messages", "messages")):
        yield _row(f"  {label}", [h[key] for h in handovers])
    yield "  new connections took"
    for h in handovers:
        yield f"    {h['to']}: {h['new_connection_source']}"
    big = result["download"]
    yield (f"download: {big['bytes']} octets, SHA-256 "
           f"{'as sent' if big['sha256_ok'] else 'DIFFERS'}; connections broken: "
           f"{result['connections_broken']}")
    yield (f"TCP through the tunnel / without, same path: {ratio['ratio']:.3f} (down "
           f"{ratio['down']:.3f}, up {ratio['up']:.3f}; {ratio['tunnel_mbit']:.0f} / "
           f"{ratio['plain_mbit']:.0f} Mbit/s)")


def show(result, ratio):
    print()
    for line in lines(result, ratio):
        print(line)
