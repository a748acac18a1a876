// The ladder as data: an array of objects in the order of the rows; times are seconds since the
// first of them.
#include "core/wire/tcp.hh"
#include "lab/trace/json_text.hh"
#include "lab/trace/ladder_rows.hh"
#include "lab/trace/line_text.hh"

namespace tern::trace {

namespace {

void add_packet(JsonObject& o, const LadderRow& r) {
    o.add("packet", r.head);
    if (r.tcp) {
        o.add("flags", flags_text(r.flags)).add("bytes", u64{r.length});
        o.add("source_port", u64{r.source_port}).add("destination_port", u64{r.destination_port});
        o.add("seq_absolute", u64{r.seq});
        if ((r.flags & wire::Ack) != 0) o.add("ack_absolute", u64{r.ack});
        o.add("window", u64{r.window});
        if (!r.options.empty()) o.add("options", r.options);
    }
    if (r.reason) {
        o.add("reason", name_of(r.reason->why)).add("because", explain(*r.reason));
        if (r.reason->tcp) {
            const SegmentSentEvent& e = r.reason->segment;
            o.add("cwnd", u64{e.cwnd}).add("ssthresh", u64{e.ssthresh});
            o.add("flight", u64{e.flight});
        }
    }
    if (r.lost()) o.add("lost", true);
}

std::string row_json(const LadderRow& r, const LadderOptions& options, Instant start) {
    JsonObject o;
    o.raw("time", seconds_text(r.at - start));
    const std::string& who = r.side == Side::Left ? options.left : options.right;
    switch (r.kind) {
        case LadderRow::Kind::Packet:
            o.add("from", who);
            if (r.watched && r.arrived) o.raw("arrived", seconds_text(*r.arrived - start));
            add_packet(o, r);
            break;
        case LadderRow::Kind::State:
            o.add("at", who).add("was", name_of(r.from)).add("cause", name_of(r.cause));
            break;
        case LadderRow::Kind::Note: o.add("remark", r.text); break;
        case LadderRow::Kind::Drop: o.add("at", who); break;
    }
    if (r.drop != DropReason::None)
        o.add("drop", name_of(r.drop)).add("drop_because", text_of(r.drop));
    if (r.state[0]) o.add("left_state", name_of(*r.state[0]));
    if (r.state[1]) o.add("right_state", name_of(*r.state[1]));
    if (r.inferred == Side::Left && r.state[0]) o.add("left_inferred", true);
    if (r.inferred == Side::Right && r.state[1]) o.add("right_inferred", true);
    return o.text();
}

}  // namespace

std::string ladder_json(const LadderRows& rows, const LadderOptions& options) {
    std::string out = "[";
    const Instant start = rows.rows.empty() ? Instant{} : rows.rows.front().at;
    for (const LadderRow& r : rows.rows) {
        if (out.size() > 1) out += ",";
        out += "\n  " + row_json(r, options, start);
    }
    return out + "\n]\n";
}

}  // namespace tern::trace
