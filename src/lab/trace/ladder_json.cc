// The ladder as data: an array of objects in the order of the rows; times are seconds since the
// first of them.
#include <nlohmann/json.hpp>

#include "core/wire/tcp.hh"
#include "lab/trace/ladder_rows.hh"
#include "lab/trace/line_text.hh"

namespace tern::trace {

namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

void add_packet(Json& o, const LadderRow& r) {
    o["packet"] = r.head;
    if (r.tcp) {
        o["flags"] = flags_text(r.flags);
        o["bytes"] = r.length;
        o["source_port"] = r.source_port;
        o["destination_port"] = r.destination_port;
        o["seq_absolute"] = r.seq;
        if ((r.flags & wire::Ack) != 0) o["ack_absolute"] = r.ack;
        o["window"] = r.window;
        if (!r.options.empty()) o["options"] = r.options;
    }
    if (r.reason) {
        o["reason"] = name_of(r.reason->why);
        o["because"] = explain(*r.reason);
        if (r.reason->tcp) {
            const SegmentSentEvent& e = r.reason->segment;
            o["cwnd"] = e.cwnd;
            o["ssthresh"] = e.ssthresh;
            o["flight"] = e.flight;
        }
    }
    if (r.lost()) o["lost"] = true;
}

void add_hold(Json& o, const HoldEvent& e) {
    o["hold"] = name_of(e.reason);
    o["because"] = explain(e);
    o["bytes"] = e.bytes;
    o["flight"] = e.flight;
    o["cwnd"] = e.cwnd;
    o["unacknowledged"] = e.unacknowledged;
    o["window"] = e.snd_wnd;
}

Json row_json(const LadderRow& r, const LadderOptions& options, Instant start) {
    Json o;
    o["time"] = seconds(r.at - start);
    const std::string& who = r.side == Side::Left ? options.left : options.right;
    switch (r.kind) {
        case LadderRow::Kind::Packet:
            o["from"] = who;
            if (r.watched && r.arrived) o["arrived"] = seconds(*r.arrived - start);
            add_packet(o, r);
            break;
        case LadderRow::Kind::State:
            o["at"] = who;
            o["was"] = name_of(r.from);
            o["cause"] = name_of(r.cause);
            break;
        case LadderRow::Kind::Note: o["remark"] = r.text; break;
        case LadderRow::Kind::Drop: o["at"] = who; break;
        case LadderRow::Kind::Hold:
            o["at"] = who;
            add_hold(o, *r.held);
            break;
    }
    if (r.drop != DropReason::None) {
        o["drop"] = name_of(r.drop);
        o["drop_because"] = text_of(r.drop);
    }
    if (r.state[0]) o["left_state"] = name_of(*r.state[0]);
    if (r.state[1]) o["right_state"] = name_of(*r.state[1]);
    if (r.inferred == Side::Left && r.state[0]) o["left_inferred"] = true;
    if (r.inferred == Side::Right && r.state[1]) o["right_inferred"] = true;
    return o;
}

}  // namespace

std::string ladder_json(const LadderRows& rows, const LadderOptions& options) {
    std::string out = "[";
    const Instant start = rows.rows.empty() ? Instant{} : rows.rows.front().at;
    for (const LadderRow& r : rows.rows) {
        if (out.size() > 1) out += ",";
        out += "\n  " +
               row_json(r, options, start).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return out + "\n]\n";
}

}  // namespace tern::trace
