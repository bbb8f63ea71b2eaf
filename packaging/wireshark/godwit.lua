--[[ godwit.lua: a Wireshark dissector for what Wireshark does not read of the Mobility Header.

It stands in front of Wireshark's own dissector of IPv6 next header 135, lets it do its work, and adds
a tree of its own with fields `godwit.*`: the flags S and D (RFC 8885 section 4.1 and 4.2), C and N of the
CATS mobility draft, options 65 to 70 and the draft's two, authentication and Mesg-ID (RFC 4285),
Godwit's CATS control messages with their items (doc/cats.md), and Update Notifications (RFC 7077). A PBU
or PBA with C is named by what the draft calls it: notification, request, indication. Localized Routing messages (RFC 6705) it reads alone, because
Wireshark 4.0 takes their fields two octets too early. It checks the checksum, and what is malformed
gets an expert mark. What other messages carry (RFC 6275's own, Heartbeat, revocation) is Wireshark's.

Preferences: the code-point profile, `registered` or `as-drawn`, and the numbers of the CATS options;
doc/protocol.md says what they mean. On the command line: -o godwit.profile:as-drawn

Decisions: nothing is read before its length is known, so no octets make an error of Lua. Options are
walked by one table, a row for each type; other types show as data. Arithmetic stands for bit
operations, which differ between the versions of Lua that Wireshark uses.
]]

local godwit = Proto("godwit", "Godwit: distributed mobility in the Mobility Header")

local PROTO_MH, NO_NEXT_HEADER = 135, 59
local BU, BA, BE, EXPERIMENTAL, HEARTBEAT, REVOCATION = 5, 6, 7, 11, 13, 16
local LRI, LRA, UPN, UPA = 17, 18, 19, 20
local NTP_TO_UNIX = 2208988800
local HEADER, SHORTEST = 6, 8 -- what every message has; the shortest one

local prefs = godwit.prefs
local profiles = {{1, "registered", 0}, {2, "as-drawn", 1}}
prefs.profile = Pref.enum("Code points", 0, "As registered by RFC 8885, or as the drafts draw them",
                          profiles, false)
prefs.cats_client = Pref.uint("CATS client node address option", 71, "Option type; 0 is none")
prefs.cats_address = Pref.uint("CATS address option", 72, "Option type; 0 is none")

local types = {[BU] = "Binding Update", [BA] = "Binding Acknowledgement", [BE] = "Binding Error",
               [EXPERIMENTAL] = "Experimental", [HEARTBEAT] = "Heartbeat",
               [REVOCATION] = "Binding Revocation", [LRI] = "Localized Routing Initiation",
               [LRA] = "Localized Routing Acknowledgment", [UPN] = "Update Notification",
               [UPA] = "Update Notification Acknowledgement"}
local EXPERIMENT, VERSION = 0x4757, 1 -- of doc/cats.md
local subtypes = {
    [1] = "update", [2] = "ack", [3] = "digest", [4] = "mapping", [5] = "selection", [6] = "query",
    [7] = "paths", [8] = "trace", [9] = "trace-reply", [10] = "move-ack", [11] = "locate",
    [12] = "where", [13] = "located", [14] = "switch-query", [15] = "switch-answer",
    [16] = "transfer-request", [17] = "transfer-notice", [18] = "transfer-confirm",
    [19] = "transfer-done", [20] = "transfer-ack", [21] = "transfer-ready"}
local states = {[1] = "up", [2] = "draining", [3] = "gone"}
local transfer_codes = {
    [0] = "fine", [1] = "unknown", [2] = "denied", [3] = "no export", [4] = "too large",
    [5] = "unreachable", [6] = "no import", [7] = "timeout", [8] = "resources", [9] = "ended",
    [10] = "restarted"}
-- Where the options of a type begin; a type that is not here has none, or they are Wireshark's alone.
local options_at = {[BU] = 12, [BA] = 12, [BE] = 24, [HEARTBEAT] = 12, [REVOCATION] = 12,
                    [LRI] = 12, [LRA] = 12, [UPN] = 12, [UPA] = 12, [EXPERIMENTAL] = 16}
local statuses = {
    [0] = "accepted", [1] = "accepted but prefix discovery necessary", [128] = "reason unspecified",
    [129] = "administratively prohibited", [130] = "insufficient resources",
    [131] = "home registration not supported", [132] = "not home subnet",
    [133] = "not home agent for this mobile node", [134] = "duplicate address detection failed",
    [135] = "sequence number out of window", [139] = "registration type change disallowed",
    [144] = "Mesg-ID mismatch", [145] = "Mesg-ID required", [146] = "authentication failed",
    [151] = "service authorization failed", [152] = "proxy registration not enabled",
    [153] = "not LMA for this mobile node", [154] = "MAG not authorized for proxy registration",
    [155] = "not authorized for home network prefix", [156] = "timestamp mismatch",
    [157] = "timestamp lower than previously accepted", [158] = "missing home network prefix option",
    [159] = "binding cache entry and prefix set do not match", [160] = "missing MN-ID option",
    [161] = "missing handoff indicator option", [162] = "missing access technology type option"}
local handoffs = {[1] = "new interface", [2] = "another interface of the node",
                  [3] = "between MAGs, same interface", [4] = "unknown", [5] = "re-registration"}
local technologies = {[1] = "virtual", [2] = "PPP", [3] = "IEEE 802.3", [4] = "IEEE 802.11",
                      [5] = "IEEE 802.16e"}
local lra_statuses = {[0] = "success", [128] = "localized routing not allowed",
                      [129] = "MN not attached"}
local upn_reasons = {[1] = "force re-registration", [2] = "update session parameters",
                     [3] = "vendor-specific reason", [4] = "ANI parameters requested"}

-- Flags: letter and bit in each profile; `dmm` and `cats` are one bit in as-drawn.
local bu_flags = {
    {"A", 0x8000}, {"H", 0x4000}, {"L", 0x2000}, {"K", 0x1000}, {"M", 0x0800}, {"R", 0x0400},
    {"P", 0x0200}, {"F", 0x0100}, {"T", 0x0080}, {"B", 0x0040}, {"S", 0x0020}, {"D", 0x0010},
    {"C", 0x0008}, {"N", 0x0004}}
local ba_flags = {
    {"K", 0x80}, {"R", 0x40}, {"P", 0x20}, {"T", 0x10}, {"B", 0x08}, {"S", 0x04}, {"D", 0x02},
    {"C", 0x01}}
local drawn = {
    bu = {dmm = {D = 0x0100, T = 0x0080, F = 0, C = 0, N = 0},
          cats = {C = 0x0100, N = 0x0080, F = 0, D = 0, T = 0}},
    ba = {dmm = {D = 0x10, T = 0, C = 0}, cats = {C = 0x10, T = 0, D = 0}}}

local F = {}
local function field(name, make, title, ...)
    F[name] = make("godwit." .. name, title, ...)
end
field("type", ProtoField.uint8, "Message", base.DEC, types)
field("checksum", ProtoField.uint16, "Checksum", base.HEX)
field("checksum.good", ProtoField.bool, "Checksum is right")
field("seq", ProtoField.uint32, "Sequence number")
field("flags", ProtoField.string, "Flags")
field("flags.raw", ProtoField.uint16, "Flags on the wire", base.HEX)
for _, name in ipairs({"s", "d", "c", "n"}) do
    field("flag." .. name, ProtoField.bool, "Flag " .. name:upper())
end
field("lifetime", ProtoField.uint32, "Lifetime in seconds")
field("status", ProtoField.uint8, "Status", base.DEC, statuses)
field("lri.lifetime", ProtoField.uint16, "Lifetime in seconds")
field("lra.unsolicited", ProtoField.bool, "Unsolicited")
field("lra.status", ProtoField.uint8, "Status", base.DEC, lra_statuses)
field("upn.reason", ProtoField.uint16, "Notification reason", base.DEC, upn_reasons)
field("upn.ack", ProtoField.bool, "Acknowledgement requested")
field("upn.retransmission", ProtoField.bool, "Retransmission")
field("upa.status", ProtoField.uint8, "Status")
field("option", ProtoField.uint8, "Option")
field("option.length", ProtoField.uint8, "Length")
field("option.offset", ProtoField.uint16, "Offset in the Mobility Header")
field("option.data", ProtoField.bytes, "Data")
field("mn_id.subtype", ProtoField.uint8, "Subtype")
field("mn_id", ProtoField.bytes, "Identifier")
field("mn_id.text", ProtoField.string, "Identifier")
for _, name in ipairs({"hnp", "anchored_prefix", "local_prefix"}) do
    field(name, ProtoField.ipv6, "Prefix")
    field(name .. ".length", ProtoField.uint8, "Prefix length")
end
field("handoff", ProtoField.uint8, "Handoff indicator", base.DEC, handoffs)
field("technology", ProtoField.uint8, "Access technology", base.DEC, technologies)
field("mn_lladdr", ProtoField.bytes, "Link-layer identifier", base.COLON)
field("link_local", ProtoField.ipv6, "Link-local address")
field("timestamp", ProtoField.absolute_time, "Timestamp", base.UTC)
field("restart", ProtoField.uint32, "Restart counter")
field("mag", ProtoField.ipv6, "MAG address")
field("previous_maar", ProtoField.ipv6, "Previous MAAR")
field("previous_maar.hnp", ProtoField.ipv6, "Prefix")
field("previous_maar.hnp.length", ProtoField.uint8, "Prefix length")
field("serving_maar", ProtoField.ipv6, "Serving MAAR")
field("dlif.link_local", ProtoField.ipv6, "DLIF link-local address")
field("dlif.lladdr", ProtoField.bytes, "DLIF link-layer address", base.COLON)
field("mesg_id", ProtoField.absolute_time, "Message identifier", base.UTC)
field("auth.subtype", ProtoField.uint8, "Subtype")
field("auth.spi", ProtoField.uint32, "SPI")
field("auth.mac", ProtoField.bytes, "Authenticator")
field("cats.client", ProtoField.ipv6, "Client node address")
field("cats.address", ProtoField.ipv6, "Address")
field("message", ProtoField.string, "Message") -- of CATS
field("cats.subtype", ProtoField.uint8, "Sub-type", base.DEC, subtypes)
field("cats.flags", ProtoField.uint16, "Flags", base.HEX)
field("item", ProtoField.uint8, "Item")

-- Items: {name, {field, octets, title}...}; one octet is a number, and so on; 16 are an address; without
-- a title it is reserved. What is behind the fields is of a later version.
local ANY = {[0] = "any"}
local items = {
    [1] = {"origin", {false, 1}, {"epoch", 4, "Epoch"}, {"upto", 4, "Up to"},
           {"address", 16, "Origin"}, {"from", 4, "From"}, {"complete", 1, "Flags (0x80 complete)"}},
    [2] = {"service", {"protocol", 1, "Protocol", ANY}, {"port", 2, "Port"},
           {"cs_id", 16, "CS-ID"}},
    [3] = {"instance", {"state", 1, "State (0x80 egress follows)"}, {"change", 4, "Change"},
           {"score", 1, "Score"}, {"computing", 1, "Computing"},
           {"communication", 1, "Communication"}, {"service", 1, "Service"},
           {"weight", 2, "Weight"}, {"lifetime", 2, "Lifetime in seconds"},
           {"age", 2, "Age in ms"}, {"slots", 2, "Slots"}, {"latency", 4, "Latency in us"},
           {"in_flight", 4, "In flight"}, {"errors", 4, "Errors of 10 000"},
           {"csci_id", 16, "CSCI-ID"}},
    [4] = {"vector", {"direct", 1, "Flags (0x80 direct)"}, {"epoch", 4, "Epoch"},
           {"upto", 4, "Up to"}, {"address", 16, "Origin"}},
    [5] = {"flow", {"affinity", 1, "Affinity", {"5-tuple", "3-tuple", "client"}},
           {"protocol", 1, "Protocol"}, {"sport", 2, "Source port"},
           {"dport", 2, "Destination port"}, {"src", 16, "Source"}, {"dst", 16, "Destination"}},
    [6] = {"choice", {"code", 1, "Code", {"chosen", "replaced", "unreachable"}},
           {"score", 1, "Score"}, {"share", 2, "Share of 65 535"},
           {"lifetime", 2, "Lifetime in seconds"}, {"csci_id", 16, "CSCI-ID"},
           {"egress", 16, "Egress"}},
    [7] = {"path", {false, 1}, {"loss", 2, "Loss of 10 000"}, {"age", 2, "Age in ms"},
           {"delay", 4, "Delay in us"}, {"jitter", 4, "Jitter in us"}, {"to", 16, "To"}},
    [8] = {"metric", {"kind", 1, "Kind"}, {"level", 1, "Level"}, {"unit", 1, "Unit"},
           {"source", 1, "Source"}, {"statistic", 1, "Statistic"}, {"window", 4, "Window in ms"},
           {"value", 8, "Value in thousandths"}},
    [9] = {"hop", {"role", 1, "Role", {"ingress", "egress", "instance"}}, {"code", 1, "Code"},
           {"rx", 8, "Packets in"}, {"tx", 8, "Packets out"}, {"at", 16, "At"}},
    [10] = {"move", {"flags", 1, "Flags (0x80 continues, 0x40 buffered, 0x20 marks)"},
            {"generation", 4, "Generation"}},
    [11] = {"token", {"egress", 16, "Egress"}, {"spi", 4, "SPI"}, {"expiry", 4, "Expiry"},
            {"mac", 16, "MAC", "octets"}},
    [12] = {"transaction", {"id", 8, "Transaction", "octets"},
            {"code", 1, "Code", transfer_codes}, {"size", 4, "Octets of state"},
            {"moved", 4, "Octets moved"}},
    [13] = {"location", {"lifetime", 2, "Lifetime in seconds"}, {"generation", 4, "Generation"},
            {"client", 16, "Client"}, {"ingress", 16, "Ingress"}},
}
local numbers = {[1] = ProtoField.uint8, [2] = ProtoField.uint16, [4] = ProtoField.uint32,
                 [8] = ProtoField.uint64}
for _, item in pairs(items) do
    for i = 2, #item do
        local name, octets, title, values = item[i][1], item[i][2], item[i][3], item[i][4]
        if not name then
            -- reserved
        elseif values == "octets" then
            field(item[1] .. "." .. name, ProtoField.bytes, title)
        elseif octets == 16 then
            field(item[1] .. "." .. name, ProtoField.ipv6, title)
        else
            field(item[1] .. "." .. name, numbers[octets], title, base.DEC, values)
        end
    end
end
field("instance.state.name", ProtoField.string, "State")
field("instance.egress", ProtoField.ipv6, "Egress")
field("location.lladdr", ProtoField.bytes, "Link-layer address", base.COLON)
field("location.egress", ProtoField.ipv6, "Egress")
godwit.fields = F

local malformed = ProtoExpert.new("godwit.malformed", "Malformed", expert.group.MALFORMED,
                                  expert.severity.ERROR)
local cut = ProtoExpert.new("godwit.cut", "Cut short by the capture", expert.group.UNDECODED,
                            expert.severity.NOTE)
local bad_checksum = ProtoExpert.new("godwit.checksum.bad", "Bad checksum", expert.group.CHECKSUM,
                                     expert.severity.WARN)
local unsaid = ProtoExpert.new("godwit.protocol", "Not as the specification wants it",
                               expert.group.PROTOCOL, expert.severity.WARN)
godwit.experts = {malformed, cut, bad_checksum, unsaid}

local ip6_src, ip6_dst = Field.new("ipv6.src"), Field.new("ipv6.dst")
local home_source = Field.new("ipv6.opt.mipv6.home_address")
local home_destination = Field.new("ipv6.routing.mipv6.home_address")
local mip6 = DissectorTable.get("ip.proto"):get_dissector(PROTO_MH)

local function has(value, mask)
    return mask ~= 0 and math.floor(value / mask) % 2 == 1
end

-- An option's body -------------------------------------------------------------------------------

local function address(name, at)
    return function(tree, body)
        tree:add(F[name], body(at or 0, 16))
    end
end

local function prefix(tree, name, length, bits)
    tree:add(F[name .. ".length"], length)
    tree:add(F[name], bits)
    if length:uint() > 128 then
        tree:add_proto_expert_info(malformed, "Prefix length beyond 128")
    end
end

local function prefix_option(name)
    return function(tree, body)
        prefix(tree, name, body(1, 1), body(2, 16))
        return tostring(body(2, 16):ipv6()) .. "/" .. body(1, 1):uint()
    end
end

local function previous_maar(tree, body)
    local at = body:len() - 33 -- as drawn there is no reserved octet
    tree:add(F["previous_maar"], body(at + 1, 16))
    prefix(tree, "previous_maar.hnp", body(at, 1), body(at + 17, 16))
    return tostring(body(at + 1, 16):ipv6()) .. " anchors " .. tostring(body(at + 17, 16):ipv6()) ..
        "/" .. body(at, 1):uint()
end

local function lladdr(name)
    return function(tree, body)
        tree:add(F[name], body(2))
    end
end

local function number(name, at, length)
    return function(tree, body)
        tree:add(F[name], body(at, length))
    end
end

local function mn_id(tree, body)
    tree:add(F["mn_id.subtype"], body(0, 1))
    if body:len() > 1 then
        tree:add(F["mn_id"], body(1))
        if body(0, 1):uint() == 1 then
            tree:add(F["mn_id.text"], body(1))
        end
    end
end

local function timestamp(tree, body)
    local seconds = body(0, 2):uint() * 2 ^ 32 + body(2, 4):uint()
    local fraction = math.floor(body(6, 2):uint() * 1e9 / 65536)
    if seconds < 2 ^ 53 then
        tree:add(F["timestamp"], body(0, 8), NSTime.new(seconds, fraction))
    end
end

-- NTP's second era begins in 2036 (RFC 5905 section 6).
local function mesg_id(tree, body)
    local seconds = body(0, 4):uint() - NTP_TO_UNIX
    if seconds < 0 then
        seconds = seconds + 2 ^ 32
    end
    tree:add(F["mesg_id"], body(0, 8),
             NSTime.new(seconds, math.floor(body(4, 4):uint() * 1e9 / 2 ^ 32)))
end

local function auth(tree, body)
    tree:add(F["auth.subtype"], body(0, 1))
    tree:add(F["auth.spi"], body(1, 4))
    tree:add(F["auth.mac"], body(5))
end

-- {name, shortest and longest Length, read}; what read returns is added to the option's line.
local rows = {
    [8] = {"Mobile Node Identifier", 1, 255, mn_id},
    [9] = {"Mobility Message Authentication", 6, 255, auth},
    [10] = {"Mesg-ID", 8, 8, mesg_id},
    [22] = {"Home Network Prefix", 18, 18, prefix_option("hnp")},
    [23] = {"Handoff Indicator", 2, 2, number("handoff", 1, 1)},
    [24] = {"Access Technology Type", 2, 2, number("technology", 1, 1)},
    [25] = {"Mobile Node Link-layer Identifier", 3, 255, lladdr("mn_lladdr")},
    [26] = {"Link-local Address", 16, 16, address("link_local")},
    [27] = {"Timestamp", 8, 8, timestamp},
    [28] = {"Restart Counter", 4, 4, number("restart", 0, 4)},
    [51] = {"MAG IPv6 Address", 18, 18, address("mag", 2)},
    [65] = {"Anchored Prefix", 18, 18, prefix_option("anchored_prefix")},
    [66] = {"Local Prefix", 18, 18, prefix_option("local_prefix")},
    [67] = {"Previous MAAR", 34, 34, previous_maar},
    [68] = {"Serving MAAR", 16, 16, address("serving_maar")},
    [69] = {"DLIF Link-local Address", 16, 16, address("dlif.link_local")},
    [70] = {"DLIF Link-layer Address", 3, 255, lladdr("dlif.lladdr")},
}
local previous_drawn = {"Previous MAAR, as drawn", 33, 33, previous_maar}
local cats_client = {"CATS client node address", 16, 16, address("cats.client")}
local cats_address = {"CATS address", 16, 16, address("cats.address")}

-- No preference can hide an RFC's option.
local function row_of(kind)
    if kind == 67 and prefs.profile == 1 then
        return previous_drawn
    elseif rows[kind] then
        return rows[kind]
    elseif kind ~= 0 and kind == prefs.cats_client then
        return cats_client
    elseif kind ~= 0 and kind == prefs.cats_address then
        return cats_address
    end
end

-- The walk ---------------------------------------------------------------------------------------

-- Calls visit(kind, at, length) for every option but pads; returns the reason why it ended early.
local function walk(tvb, at, stop, visit)
    while at < stop do
        local kind = tvb(at, 1):uint()
        if kind == 0 then
            at = at + 1
        elseif at + 2 > stop then
            return "An option has no length", at
        else
            local length = tvb(at + 1, 1):uint()
            if at + 2 + length > stop then
                return "An option ends behind the header", at
            end
            if kind ~= 1 then
                visit(kind, at, length)
            end
            at = at + 2 + length
        end
    end
end

-- Items ------------------------------------------------------------------------------------------

-- What is behind the fields of fixed length. Each returns the reason when it is malformed.
local function instance_tail(tree, body, at)
    local state = body(1, 1):uint()
    tree:add(F["instance.state.name"], body(1, 1), states[state % 16] or "none")
    if not states[state % 16] then
        return "no such state"
    elseif has(state, 0x80) then
        if body:len() < at + 16 then
            return "no egress"
        end
        tree:add(F["instance.egress"], body(at, 16))
    end
end

local function location_tail(tree, body, at)
    local size = body:len() > at and body(at, 1):uint()
    if not size or size > 8 or body:len() < at + 2 + size then
        return "link-layer address"
    elseif size > 0 then
        tree:add(F["location.lladdr"], body(at + 1, size))
    end
    at = at + 1 + size
    local n = body(at, 1):uint()
    if n > 8 or body:len() < at + 1 + 16 * n then
        return "egresses"
    end
    for i = 0, n - 1 do
        tree:add(F["location.egress"], body(at + 1 + 16 * i, 16))
    end
end

local tails = {[3] = instance_tail, [13] = location_tail}

-- The fields of an item; returns its name. One that nobody knows is data.
local function show_item(tree, body)
    local kind = body:len() > 0 and body(0, 1):uint()
    local item, at = items[kind], 1
    if not kind then
        tree:add_proto_expert_info(malformed, "An item without a sub-type")
        return
    end
    tree:add(F["item"], body(0, 1))
    if not item then
        return "unknown item " .. kind
    end
    for i = 2, #item do
        local name, octets = item[i][1], item[i][2]
        if body:len() < at + octets then
            tree:add_proto_expert_info(malformed, "Item " .. item[1] .. " is too short")
            return item[1]
        elseif name then
            tree:add(F[item[1] .. "." .. name], body(at, octets))
        end
        at = at + octets
    end
    local why = tails[kind] and tails[kind](tree, body, at)
    if why then
        tree:add_proto_expert_info(malformed, "Item " .. item[1] .. ": " .. why)
    end
    return item[1]
end

local function show_option(tvb, tree, kind, at, length, cats)
    local row = row_of(kind)
    local sub = tree:add(F["option"], tvb(at, 1))
    sub:set_text((row and row[1] or "Option") .. " (" .. kind .. ")")
    sub:set_len(2 + length)
    sub:add(F["option.length"], tvb(at + 1, 1))
    sub:add(F["option.offset"], tvb(at, 2), at)
    if length > 0 then
        sub:add(F["option.data"], tvb(at + 2, length))
    end
    if kind == 18 and cats then
        local name = show_item(sub, length > 0 and tvb(at + 2, length):tvb() or ByteArray.new():tvb())
        sub:append_text(name and (": " .. name) or "")
    elseif row and (length < row[2] or length > row[3]) then
        sub:add_proto_expert_info(malformed, "Option " .. kind .. ": length " .. length ..
                                  " is not allowed")
    elseif row then
        local note = row[4](sub, tvb(at + 2, length):tvb())
        if note then
            sub:append_text(": " .. note)
        end
    end
end

local function show_options(tvb, tree, at, stop, whole, cats)
    local last, previous
    local why, where = walk(tvb, at, stop, function(kind, offset, length)
        show_option(tvb, tree, kind, offset, length, cats)
        if last == 9 then
            tree:add_proto_expert_info(unsaid, "Authentication is not the last option")
        end
        if (kind == 69 or kind == 70) and previous == nil and last == 68 then
            tree:add_proto_expert_info(unsaid, "DLIF option behind Serving MAAR")
        end
        last, previous = kind, kind == 67 or previous
    end)
    if why then
        tree:add_proto_expert_info(whole and malformed or cut, why .. " (offset " .. where .. ")")
    end
end

-- The fixed part ---------------------------------------------------------------------------------

local function carries_client(tvb, at, stop)
    local found = false
    walk(tvb, at, stop, function(kind)
        found = found or (row_of(kind) == cats_client)
    end)
    return found
end

-- The letters of the flags that are set; in as-drawn, a client node address makes it CATS's.
local function letters(flags, value, moved)
    local said, set = "", {}
    for _, flag in ipairs(flags) do
        local mask = moved and moved[flag[1]] or flag[2]
        set[flag[1]] = has(value, mask)
        said = said .. (set[flag[1]] and flag[1] or "")
    end
    return said, set
end

local function show_flags(tvb, tree, range, names, which, stop)
    local moved = prefs.profile == 1 and
        drawn[which][carries_client(tvb, 12, stop) and "cats" or "dmm"]
    local said, set = letters(names, range:uint(), moved)
    local sub = tree:add(F["flags"], range, said)
    sub:add(F["flags.raw"], range, range:uint())
    for _, name in ipairs({"s", "d", "c", "n"}) do
        if set[name:upper()] ~= nil then
            sub:add(F["flag." .. name], range, set[name:upper()])
        end
    end
    if set["D"] and not set["P"] then
        sub:add_proto_expert_info(unsaid, "D without P")
    end
    return said, set
end

-- Names a message of CATS; what is returned goes to the column.
local function show_name(tree, range, name)
    tree:add(F["message"], range, name)
    return "CATS " .. name
end

-- Each returns the text for the column, and whether experimental options are items.

local fixed = {}

fixed[BU] = function(tvb, tree, stop)
    tree:add(F["seq"], tvb(6, 2))
    local said, set = show_flags(tvb, tree, tvb(8, 2), bu_flags, "bu", stop)
    local name = set["C"] and
        show_name(tree, tvb(8, 2), set["N"] and "request" or "notification") .. " " or ""
    tree:add(F["lifetime"], tvb(10, 2), tvb(10, 2):uint() * 4)
    return name .. "flags=" .. said, set["C"]
end

fixed[BA] = function(tvb, tree, stop)
    tree:add(F["status"], tvb(6, 1))
    local said, set = show_flags(tvb, tree, tvb(7, 1), ba_flags, "ba", stop)
    local name = set["C"] and show_name(tree, tvb(7, 1), "indication") .. " " or ""
    tree:add(F["seq"], tvb(8, 2))
    tree:add(F["lifetime"], tvb(10, 2), tvb(10, 2):uint() * 4)
    return name .. "flags=" .. said, set["C"]
end

fixed[EXPERIMENTAL] = function(tvb, tree)
    local name = subtypes[tvb(9, 1):uint()] or "unknown"
    tree:add(F["cats.subtype"], tvb(9, 1))
    tree:add(F["cats.flags"], tvb(10, 2))
    tree:add(F["seq"], tvb(12, 4))
    return show_name(tree, tvb(9, 1), name), true
end

fixed[LRI] = function(tvb, tree)
    tree:add(F["seq"], tvb(6, 2))
    tree:add(F["lri.lifetime"], tvb(10, 2))
end

fixed[LRA] = function(tvb, tree)
    tree:add(F["seq"], tvb(6, 2))
    tree:add(F["lra.unsolicited"], tvb(8, 1), has(tvb(8, 1):uint(), 0x80))
    tree:add(F["lra.status"], tvb(9, 1))
    tree:add(F["lri.lifetime"], tvb(10, 2))
end

fixed[UPN] = function(tvb, tree)
    tree:add(F["seq"], tvb(6, 2))
    tree:add(F["upn.reason"], tvb(8, 2))
    tree:add(F["upn.ack"], tvb(10, 1), has(tvb(10, 1):uint(), 0x80))
    tree:add(F["upn.retransmission"], tvb(10, 1), has(tvb(10, 1):uint(), 0x40))
end

fixed[UPA] = function(tvb, tree)
    tree:add(F["seq"], tvb(6, 2))
    tree:add(F["upa.status"], tvb(8, 1))
end

-- The checksum -----------------------------------------------------------------------------------

local function words(range)
    local total, octets = 0, range:bytes()
    for i = 0, octets:len() - 2, 2 do
        total = total + octets:get_index(i) * 256 + octets:get_index(i + 1)
    end
    return total
end

local function last(...)
    local found = {...}
    return found[#found]
end

-- Over the pseudo-header; a home address stands for the address it hides (RFC 6275 section 6.1.1).
local function show_checksum(tvb, tree, length)
    local src = last(home_source()) or last(ip6_src())
    local dst = last(home_destination()) or last(ip6_dst())
    tree:add(F["checksum"], tvb(4, 2))
    if src == nil or dst == nil then
        return
    end
    local total = words(src.range) + words(dst.range) + length + PROTO_MH + words(tvb(0, length))
    while total > 0xffff do
        total = total % 0x10000 + math.floor(total / 0x10000)
    end
    tree:add(F["checksum.good"], tvb(4, 2), total == 0xffff)
    if total ~= 0xffff then
        tree:add_proto_expert_info(bad_checksum)
    end
end

-- A message --------------------------------------------------------------------------------------

-- Somebody else's experiment, or version, is nobody's to read.
local function is_cats(tvb)
    return tvb:len() >= 9 and tvb(6, 2):uint() == EXPERIMENT and tvb(8, 1):uint() == VERSION
end

local function show(tvb, pinfo, tree)
    local there, sent = tvb:len(), tvb:reported_len()
    if there < SHORTEST then
        tree:add_proto_expert_info(sent < SHORTEST and malformed or cut, "Shorter than a message")
        return
    end
    local kind, length = tvb(2, 1):uint(), (tvb(1, 1):uint() + 1) * 8
    tree:add(F["type"], tvb(2, 1))
    if tvb(0, 1):uint() ~= NO_NEXT_HEADER then
        tree:add_proto_expert_info(malformed, "Payload Proto is not 59")
    end
    local whole = length <= there
    if whole then
        show_checksum(tvb, tree, length)
    else
        tree:add_proto_expert_info(length <= sent and cut or malformed, "Ends before its length")
    end
    local stop, begin = math.min(length, there), options_at[kind]
    if begin == nil or (kind == EXPERIMENTAL and not is_cats(tvb)) then
        return
    elseif stop < begin then
        tree:add_proto_expert_info(length < begin and malformed or cut, "Too short for its type")
        return
    end
    local said, cats
    if fixed[kind] then
        said, cats = fixed[kind](tvb, tree, stop)
    end
    show_options(tvb, tree, begin, stop, whole, cats)
    pinfo.cols.info:append(said and (" " .. said) or "")
end

function godwit.dissector(tvb, pinfo, tree)
    local kind = tvb:len() > 2 and tvb(2, 1):uint()
    if kind == LRI or kind == LRA then
        pinfo.cols.protocol = "MIPv6"
        pinfo.cols.info = types[kind]
    else
        -- A message that it calls malformed raises an error, and has its mark by then.
        pcall(mip6.call, mip6, tvb, pinfo, tree)
    end
    if kind == UPN or kind == UPA then
        pinfo.cols.info = types[kind]
    end
    show(tvb, pinfo, tree:add(godwit, tvb()))
    return tvb:len()
end

DissectorTable.get("ip.proto"):set(PROTO_MH, godwit)
