// Recording: joins what each side tells into rows, a row per packet from its departure to what the
// other side made of it.
#include "tern/ladder.hh"

#include <algorithm>
#include <map>

#include "lab/trace/infer_peer.hh"
#include "lab/trace/ladder_rows.hh"
#include "lab/trace/line_text.hh"

namespace tern {

using trace::FrameView;
using trace::LadderRow;
using trace::Side;

class Ladder::Recorder {
public:
    struct Arrival {
        u64 row;
        u64 rows;  // how many there were then: later ones may be its consequence
    };
    class End final : public Observer {
    public:
        End(Recorder& recorder, Side side) : recorder_(recorder), side_(side) {}
        void on_frame(const FrameEvent& e) override {
            e.outbound ? recorder_.leaves(side_, e) : recorder_.arrives(side_, e);
        }
        void on_segment_sent(const SegmentSentEvent& e) override {
            reasons.sent(e);
            holds.sent(e);
        }
        void on_hold(const HoldEvent& e) override {
            if (holds.fresh(e)) recorder_.holds(side_, e);
        }
        void on_packet_sent(const PacketSentEvent& e) override { reasons.sent(e); }
        void on_segment_arrived(const SegmentArrivedEvent& e) override {
            recorder_.processed(side_, e);
        }
        void on_drop(const DropEvent& e) override { recorder_.dropped(side_, e); }
        void on_state(const StateEvent& e) override { recorder_.becomes(side_, e); }

        bool used = false;  // somebody asked for this observer
        trace::Reasons reasons;
        trace::HoldNews holds;
        std::map<u32, Arrival> arrivals;  // by note, the last packets that arrived here

    private:
        Recorder& recorder_;
        Side side_;
    };

    explicit Recorder(const LadderOptions& o)
        : options(o), ends{End{*this, Side::Left}, End{*this, Side::Right}} {}

    void clear() {
        rows = {};
        first_ = 0;
        for (auto& list : under_way_) list.clear();
        for (End& end : ends) end.arrivals.clear();
    }
    trace::LadderRows judged() const;
    void note(Instant at, std::string text) {
        LadderRow row;
        row.at = at;
        row.text = std::move(text);
        add(std::move(row));
    }

    LadderOptions options;
    trace::LadderRows rows;
    End ends[2];

private:
    // Rows are numbered from the first ever, so that numbers stay good when old ones go.
    u64 add(LadderRow row) {
        rows.rows.push_back(std::move(row));
        if (rows.rows.size() > options.rows_max) {
            rows.rows.pop_front();
            ++rows.forgotten;
            ++first_;
        }
        return first_ + rows.rows.size() - 1;
    }
    LadderRow* numbered(u64 number) {
        return number < first_ || number - first_ >= rows.rows.size() ? nullptr
                                                                      : &rows.rows[number - first_];
    }

    LadderRow packet(Side from, const FrameEvent& e);
    void leaves(Side side, const FrameEvent& e);
    void arrives(Side side, const FrameEvent& e);
    void processed(Side side, const SegmentArrivedEvent& e);
    void dropped(Side side, const DropEvent& e);
    void becomes(Side side, const StateEvent& e);
    void holds(Side side, const HoldEvent& e);
    void absorb(Side side, Instant at, std::optional<State> shown, u64 since);
    void infer(LadderRow& row, bool from_peer);
    void remember(End& end, u32 note, u64 number);

    u64 first_ = 0;
    trace::Numbers numbers_;
    std::deque<u64> under_way_[2];  // rows sent by each side that have not arrived
    u64 newest_arrived_[2] = {};    // row, by the side it arrived at
    std::map<std::pair<u16, u16>, trace::InferredPeer> peers_;  // ports, ours first
    std::map<std::pair<u16, u16>, u32> peer_fin_;               // number behind the peer's FIN
};

LadderRow Ladder::Recorder::packet(Side from, const FrameEvent& e) {
    const FrameView v = trace::view_of(e);
    LadderRow row;
    row.kind = LadderRow::Kind::Packet;
    row.side = from;
    row.at = e.at;
    row.source_port = v.source.port;
    row.destination_port = v.destination.port;
    row.length = v.length();
    row.tcp = v.kind == FrameView::Kind::Tcp;
    if (!row.tcp) {
        row.head = trace::describe(v);
        return row;
    }
    row.seq = v.tcp.seq.value;
    row.ack = v.tcp.ack.value;
    row.flags = v.tcp.flags;
    row.window = v.tcp.window;
    wire::PacketLine line = numbers_.line_of(v);
    row.head = trace::segment_text(line);
    row.options = trace::options_text(line);
    if (!v.tcp.has(wire::Syn)) line.has_timestamps = false;
    const bool any = line.has_mss || line.sack_permitted || line.has_timestamps ||
                     line.has_window_scale || line.sack_count > 0;
    if (any) row.options_shown = trace::options_text(line);
    return row;
}

void Ladder::Recorder::leaves(Side side, const FrameEvent& e) {
    LadderRow row = packet(side, e);
    if (const trace::Reason* reason = ends[index_of(side)].reasons.find(e.note)) {
        row.reason = *reason;
        if (reason->tcp) {
            State state = reason->segment.state;
            // RST is decided first, and then the connection is gone.
            if ((row.flags & wire::Rst) != 0) state = State::Closed;
            row.state[index_of(side)] = state;
            absorb(side, e.at, state, 0);
        }
    }
    infer(row, false);
    const u64 number = add(std::move(row));
    auto& list = under_way_[index_of(side)];
    list.push_back(number);
    constexpr std::size_t k_under_way_max = 100'000;
    if (list.size() > k_under_way_max) list.pop_front();
}

void Ladder::Recorder::arrives(Side side, const FrameEvent& e) {
    End& end = ends[index_of(side)];
    LadderRow seen = packet(other(side), e);
    auto& list = under_way_[index_of(other(side))];
    const auto same = [&](u64 number) {
        const LadderRow* r = numbered(number);
        return r != nullptr && r->tcp == seen.tcp && r->seq == seen.seq && r->ack == seen.ack &&
               r->length == seen.length && r->flags == seen.flags && r->window == seen.window &&
               r->source_port == seen.source_port && r->head == seen.head &&
               r->destination_port == seen.destination_port && r->options == seen.options;
    };
    // A wire mostly keeps the order: of equals, take the first that nothing has overtaken yet.
    u64& newest = newest_arrived_[index_of(side)];
    auto it = std::find_if(list.begin(), list.end(),
                           [&](u64 number) { return number >= newest && same(number); });
    if (it == list.end()) it = std::find_if(list.begin(), list.end(), same);
    if (it != list.end()) {
        newest = std::max(newest, *it);
        numbered(*it)->arrived = e.at;
        remember(end, e.note, *it);
        list.erase(it);
        return;
    }
    seen.arrived = e.at;
    infer(seen, true);
    remember(end, e.note, add(std::move(seen)));
}

void Ladder::Recorder::remember(End& end, u32 note, u64 number) {
    constexpr std::size_t k_arrivals_max = 1024;  // more than a batch, whose events come later
    if (note == 0) return;
    end.arrivals[note] = {number, first_ + rows.rows.size()};
    if (end.arrivals.size() > k_arrivals_max) end.arrivals.erase(end.arrivals.begin());
}

void Ladder::Recorder::processed(Side side, const SegmentArrivedEvent& e) {
    End& end = ends[index_of(side)];
    const auto it = end.arrivals.find(e.note);
    LadderRow* r = it == end.arrivals.end() ? nullptr : numbered(it->second.row);
    if (r == nullptr) return;
    r->state[index_of(side)] = e.after;
    if (e.drop != DropReason::None) r->drop = e.drop;
    absorb(side, e.at, {}, it->second.rows);
}

void Ladder::Recorder::dropped(Side side, const DropEvent& e) {
    End& end = ends[index_of(side)];
    if (const auto it = end.arrivals.find(e.note); it != end.arrivals.end()) {
        if (LadderRow* r = numbered(it->second.row)) r->drop = e.reason;
        return;
    }
    LadderRow r;
    r.kind = LadderRow::Kind::Drop;
    r.side = side;
    r.at = e.at;
    r.drop = e.reason;
    add(std::move(r));
}

void Ladder::Recorder::becomes(Side side, const StateEvent& e) {
    LadderRow r;
    r.kind = LadderRow::Kind::State;
    r.side = side;
    r.at = e.at;
    r.cause = e.cause;
    r.from = e.from;
    r.state[index_of(side)] = e.to;
    r.source_port = e.flow.local.port;
    r.destination_port = e.flow.remote.port;
    add(std::move(r));
}

void Ladder::Recorder::holds(Side side, const HoldEvent& e) {
    LadderRow r;
    r.kind = LadderRow::Kind::Hold;
    r.side = side;
    r.at = e.at;
    r.held = e;
    add(std::move(r));
}

// The row of a packet shows the state that came with it: its own row would say it twice. Of those
// at this instant, `shown` or, of the rows since then, any.
void Ladder::Recorder::absorb(Side side, Instant at, std::optional<State> shown, u64 since) {
    u64 number = first_ + rows.rows.size();
    for (auto r = rows.rows.rbegin(); r != rows.rows.rend() && number > since; ++r, --number) {
        if (r->kind == LadderRow::Kind::Packet) continue;
        if (r->at != at) return;
        if (r->kind != LadderRow::Kind::State || r->side != side) continue;
        if (!shown || r->state[index_of(side)] == *shown) r->told = true;
    }
}

// The column that no observer fills.
void Ladder::Recorder::infer(LadderRow& row, bool from_peer) {
    const Side silent = ends[index_of(Side::Right)].used ? Side::Left : Side::Right;
    if (!row.tcp || ends[index_of(silent)].used) return;
    const std::pair<u16, u16> ports = from_peer ? std::pair{row.destination_port, row.source_port}
                                                : std::pair{row.source_port, row.destination_port};
    trace::InferredPeer& peer = peers_[ports];
    if (from_peer) {
        peer.sent(row.flags);
        if ((row.flags & wire::Fin) != 0) peer_fin_[ports] = row.seq + row.length + 1;
    } else {
        const auto fin = peer_fin_.find(ports);
        peer.received(row.flags, fin != peer_fin_.end() && fin->second == row.ack);
    }
    row.state[index_of(silent)] = peer.state();
    row.inferred = silent;
}

Ladder::Ladder(const LadderOptions& options) : recorder_(std::make_unique<Recorder>(options)) {}
Ladder::~Ladder() = default;
Ladder::Ladder(Ladder&&) noexcept = default;
Ladder& Ladder::operator=(Ladder&&) noexcept = default;

Observer& Ladder::left() {
    recorder_->ends[0].used = true;
    return recorder_->ends[0];
}
Observer& Ladder::right() {
    recorder_->ends[1].used = true;
    return recorder_->ends[1];
}
void Ladder::remark(Instant at, std::string text) { recorder_->note(at, std::move(text)); }
void Ladder::clear() { recorder_->clear(); }

// Which packets were lost is known only where both ends tell.
trace::LadderRows Ladder::Recorder::judged() const {
    trace::LadderRows all = rows;
    const bool watched = ends[0].used && ends[1].used;
    for (LadderRow& r : all.rows) r.watched = watched;
    return all;
}

std::string Ladder::text() const {
    return trace::draw_ladder(recorder_->judged(), recorder_->options);
}
std::string Ladder::json() const {
    return trace::ladder_json(recorder_->judged(), recorder_->options);
}

}  // namespace tern
