"""Other people's tools judge what the codec writes: tshark reads every field it knows, scapy reads,
rebuilds and sums. And the golden files are what make_golden.py makes of scapy and of the RFCs."""
import subprocess

import captures
import make_golden
import pytest
from scapy.layers.inet6 import IPv6, MIP6MH_BA, MIP6MH_BE, MIP6MH_BU, in6_chksum

# tshark 4.0 reads LRI and LRA two octets too early (RFC 6705 puts the sequence number into the
# header's third word, not behind it), and wants 16 for the Length of option 51, which is 18.
TSHARK_WRONG = {"lri", "lra"}
TSHARK_WRONG_LENGTH = {"pbu-all", "pba-all", "lri", "lra"}

MNID = {"mip6.mnid.subtype": "5"}
REGISTRATION = {
    **MNID, "mip6.nemo.mnp.mnp": "2001:db8:1000::", "mip6.nemo.mnp.pfl": "64", "mip6.hi": "1",
    "mip6.att": "4", "mip6.mnlli.lli": "020000000001"}
BU = {f"mip6.bu.{f}_flag": "0" for f in "ahlkmpftb"}
ALL = {
    "mip6.bra.interval": "15", "mip6.acoa.acoa": "2001:db8:f::3", "mip6.lla.optcode": "2",
    **REGISTRATION, "mip6.lila_lla": "fe80::abcd", "mip6.vsm.vendorId": "10271",
    "mip6.vsm.subtype": "7", "mip6.ss.identifier": "godwit", "mip6.rc": str(0xdeadbeef),
    "mip6.gre_key": str(0x01020304), "mip6.bi.bid": "0,0", "mip6.bi.status": "40,40",
    "mip6.mng.sub_type": "1", "mip6.mng.mng_id": "1", "mip6.mag_ipv6.address": "2001:db8:f::4",
    "mip6.mag_ipv6.address_length": "128", "mip6.auth.subtype": "1",
    "mip6.auth.mobility_spi": "256", "mip6.em.data": "00"}

# sample: {tshark's field: its value}
FIELDS = {
    "pbu": {"mip6.mhtype": "5", "mip6.bu.seqnr": "1", "mip6.bu.lifetime": "15", **BU,
            "mip6.bu.a_flag": "1", "mip6.bu.p_flag": "1", **REGISTRATION},
    "pba": {"mip6.mhtype": "6", "mip6.ba.status": "0", "mip6.ba.p_flag": "1",
            "mip6.ba.k_flag": "0", "mip6.ba.seqnr": "1", "mip6.ba.lifetime": "15", **MNID},
    "notification": {"mip6.bu.seqnr": "65535", "mip6.bu.lifetime": "0",
                     "mip6.nemo.mnp.mnp": "2001:db8:2000:7::"},
    "bu": {"mip6.bu.seqnr": str(0x1234), "mip6.bu.lifetime": "105", **BU, "mip6.bu.a_flag": "1",
           "mip6.bu.h_flag": "1", "mip6.bu.l_flag": "1", "mip6.bu.k_flag": "1",
           "mip6.acoa.acoa": "2001:db8:c0a::1", "mip6.bad.auth": b"godwit-of-ni".hex()},
    "ba": {"mip6.ba.status": "135", "mip6.ba.k_flag": "1", "mip6.ba.seqnr": "77",
           "mip6.ba.lifetime": "3", "mip6.bra.interval": "2"},
    "pbu-all": {"mip6.bu.seqnr": "2", **{f: "1" for f in BU}, **ALL},
    "pba-all": {"mip6.ba.status": "255", "mip6.ba.t_flag": "1", "mip6.ba.b_flag": "1", **ALL},
    "be": {"mip6.be.status": "2", "mip6.be.haddr": "2001:db8:1000::99"},
    "heartbeat": {"mip6.hb.u_flag": "0", "mip6.hb.r_flag": "0",
                  "mip6.hb.seqnr": str(0x01020304)},
    "heartbeat-response": {"mip6.hb.u_flag": "1", "mip6.hb.r_flag": "1", "mip6.hb.seqnr": "5",
                           "mip6.rc": "7"},
    "bri": {"mip6.bri_br.type": "1", "mip6.bri_r.trigger": "1", "mip6.bri_seqnr": "9",
            "mip6.bri_ip": "1", "mip6.bri_iv": "0", "mip6.bri_ig": "1", **MNID},
    "bra": {"mip6.bri_br.type": "2", "mip6.bri_status": "133", "mip6.bri_seqnr": "9",
            "mip6.bri_ap": "1", "mip6.bri_av": "1", "mip6.bri_ag": "0"},
    "signed": {"mip6.auth.subtype": "1", "mip6.auth.mobility_spi": "256", **REGISTRATION},
    "ra": {"icmpv6.nd.ra.router_lifetime": "1800", "icmpv6.nd.ra.flag.prf": "1",
           "icmpv6.opt.mtu": "1460", "icmpv6.opt.prefix": "2001:db8:1000::,2001:db8::",
           "icmpv6.opt.prefix.valid_lifetime": "7200", "icmpv6.opt.route_info.flag.route_preference":
           "3", "icmpv6.opt.map.distance": "3", "icmpv6.opt.map.preference": "7",
           "icmpv6.opt.map.valid_lifetime": "900", "icmpv6.checksum.status": "1"},
    "na": {"icmpv6.nd.na.flag.r": "1", "icmpv6.nd.na.flag.s": "0", "icmpv6.nd.na.flag.o": "1",
           "icmpv6.nd.na.target_address": "fe80::1:1", "icmpv6.checksum.status": "1"},
}


def tshark(capture, *arguments):
    out = subprocess.run(["tshark", "-n", "-r", capture, *arguments], check=True,
                         capture_output=True, text=True)
    return out.stdout.splitlines()


def names_where(samples, condition):
    """The samples a display filter matches."""
    lines = tshark(samples.capture, "-Y", condition, "-T", "fields", "-e", "frame.number")
    return {samples.names[int(n) - 1] for n in lines}


def test_tshark_finds_nothing_malformed(samples):
    assert names_where(samples, "_ws.malformed") <= TSHARK_WRONG
    assert names_where(samples, "mip6.opt.len.invalid") <= TSHARK_WRONG_LENGTH
    assert names_where(samples, "mip6.bogus_header_length") == set()
    assert names_where(samples, "mipv6 || icmpv6") == set(samples.names)


@pytest.mark.parametrize("name", FIELDS)
def test_tshark_reads_our_fields(samples, name):
    want = FIELDS[name]
    flags = [word for field in want for word in ("-e", field)]
    frame = samples.names.index(name) + 1
    lines = tshark(samples.capture, "-Y", f"frame.number == {frame}", "-T", "fields",
                   "-E", "separator=|", "-E", "aggregator=,", *flags)
    values = lines[0].split("|")
    # true and false are said as 1 and 0, numbers in hex or decimal as the field likes
    plain = ["1" if v == "True" else "0" if v == "False" else
             str(int(v, 16)) if v.startswith("0x") else v for v in values]
    assert dict(zip(want, plain)) == want


def test_scapy_agrees_with_every_checksum(samples):
    for name, packet in samples.packets.items():
        if packet[6] != 135:
            continue
        body = packet[40:]
        blank = body[:4] + bytes(2) + body[6:]
        want = in6_chksum(135, IPv6(packet[:40]), blank)
        assert int.from_bytes(body[4:6], "big") == want, name


@pytest.mark.parametrize("name, layer", [
    ("pbu", MIP6MH_BU), ("notification", MIP6MH_BU), ("ba", MIP6MH_BA), ("pba", MIP6MH_BA),
    ("be", MIP6MH_BE), ("signed", MIP6MH_BU)])
def test_scapy_rebuilds_the_same(samples, name, layer):
    """Read, forget the octets, length and checksum, and build again."""
    packet = IPv6(samples.packets[name])
    assert isinstance(packet.payload, layer)
    again = packet.copy()
    del again.plen, again.payload.len, again.payload.cksum
    again.payload.autopad = 0  # the pads are in the option list already
    assert bytes(again) == samples.packets[name]


def test_scapy_reads_our_options(samples):
    pbu = IPv6(samples.packets["signed"]).payload
    assert pbu.seq == 1 and pbu.mhtime == 15 and set(str(pbu.flags)) == {"A", "P"}
    by_type = {o.otype: o for o in pbu.options}
    assert by_type[8].subtype == 5 and bytes(by_type[8].id) == bytes.fromhex("020000000001")
    assert by_type[9].subtype == 1 and by_type[9].mspi == 256
    assert {22, 23, 24, 25, 27, 69, 70} <= set(by_type)


def test_golden_files_are_made_by_the_script():
    made = make_golden.golden()
    stored = {str(p.relative_to(captures.HERE)): p.read_text(encoding="ascii")
              for p in captures.HERE.glob("*/*.hex")}
    assert stored == made
