// Invariants, from the event log and the counters.
#include "tern/sim_judge.hh"

#include <deque>
#include <map>
#include <unordered_map>

#include "core/base/checksum.hh"
#include "core/base/seq.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"

namespace tern::sim {

namespace {

constexpr u32 k_rounding = 128;      // a window's unit here: buffers of up to 8 MiB
constexpr std::size_t k_enough = 8;  // complaints of one host

// One connection, as its own stack tells of it.
struct Flow {
    u32 iss = 0, irs = 0;
    bool sent_any = false, heard_any = false, told_any = false;
    Seq sent_end;     // behind the last byte that was sent
    Seq acked;        // by the peer, the most
    Seq peer_edge;    // the farthest that the peer has offered
    Seq last_ack;     // of ours
    Seq own_edge;     // the farthest that we have offered
    u32 largest = 0;  // segment
};

u64 key_of(const FlowId& f) {
    return u64{f.remote.address.v4().value} << 32 | u32{f.local.port} << 16 | f.remote.port;
}

u32 sequence_length(u32 length, u16 flags) {
    return length + ((flags & wire::Syn) != 0) + ((flags & wire::Fin) != 0);
}

class Watcher final : public Observer {
public:
    explicit Watcher(Host& host) : host_(host) {}

    void on_frame(const FrameEvent& e) override;
    void on_segment_sent(const SegmentSentEvent& e) override;
    void on_segment_arrived(const SegmentArrivedEvent& e) override;
    u64 segments() const { return segments_; }
    const std::vector<std::string>& complaints() const { return complaints_; }

private:
    void complain(Instant at, const std::string& what) {
        if (complaints_.size() >= k_enough) return;
        const auto us = at.time_since_epoch().count() / 1000;
        complaints_.push_back(host_.name() + " at " + std::to_string(us) + " us: " + what);
    }
    // With what the segment was about, numbers relative.
    void complain(const SegmentSentEvent& e, const std::string& what) {
        complain(e.at, what + " (" + std::string{name_of(e.reason)} + " in " +
                           std::string{tern::name_of(e.state)} + ", port " +
                           std::to_string(e.flow.local.port) + " to " +
                           std::to_string(e.flow.remote.port) + ", seq " +
                           std::to_string(e.seq - e.iss) + ", length " + std::to_string(e.length) +
                           ", ack " + std::to_string(e.ack - e.irs) + ", window " +
                           std::to_string(e.window) + ", cwnd " + std::to_string(e.cwnd) + ")");
    }
    Flow& flow_of(const FlowId& id, u32 iss, u32 irs);
    void judge_numbers(const SegmentSentEvent& e, Flow& f);
    void judge_window(const SegmentSentEvent& e, Flow& f);

    Host& host_;
    std::unordered_map<u64, Flow> flows_;
    u64 segments_ = 0;
    std::vector<std::string> complaints_;
};

// Of what leaves: as a stranger would check it.
std::string wrong_with(std::span<const std::byte> bytes) {
    const auto ip = wire::parse_ipv4(bytes);
    if (!ip) return "a packet with a wrong IPv4 header left";
    if (ip->total_length != bytes.size()) return "a packet with a wrong length left";
    const auto rest = bytes.subspan(ip->header_length);
    u32 sum = 0;
    if (ip->protocol != static_cast<u8>(wire::IpProtocol::Icmp))
        sum = checksum_pseudo(IpAddress(ip->source), IpAddress(ip->destination), ip->protocol,
                              static_cast<u32>(rest.size()));
    if (checksum_finish(checksum_add(sum, rest)) != 0) return "a packet with a wrong checksum left";
    return {};
}

void Watcher::on_frame(const FrameEvent& e) {
    if (!e.outbound) return;
    if (std::string wrong = wrong_with(e.bytes); !wrong.empty()) complain(e.at, wrong);
}

// By initial numbers too: a later connection may have the same ports.
Flow& Watcher::flow_of(const FlowId& id, u32 iss, u32 irs) {
    Flow& f = flows_[key_of(id)];
    const bool same = f.iss == iss && (f.irs == irs || f.irs == 0 || irs == 0);
    if (!same) f = Flow{};
    f.iss = iss;
    if (irs != 0) f.irs = irs;
    return f;
}

void Watcher::on_segment_sent(const SegmentSentEvent& e) {
    ++segments_;
    // Without a connection there is nothing to compare with (RST, cookies, TIME-WAIT).
    if (e.iss == 0 || (e.flags & wire::Rst) != 0 || e.reason == SendReason::OpenCookie) return;
    Flow& f = flow_of(e.flow, e.iss, e.irs);
    judge_numbers(e, f);
    if ((e.flags & wire::Ack) != 0) judge_window(e, f);
}

void Watcher::judge_numbers(const SegmentSentEvent& e, Flow& f) {
    const Seq seq{e.seq};
    const Seq end = seq + sequence_length(e.length, e.flags);
    if (f.sent_any && seq > f.sent_end) complain(e, "sent beyond a gap in its own numbers");
    if (f.heard_any && e.length > 0 && end <= f.acked && e.reason != SendReason::ProbeKeepAlive)
        complain(e, "sent again what the peer had acknowledged");
    const u32 probe = e.reason == SendReason::ProbeWindow ? 1 : 0;
    if (f.heard_any && e.length > 0 && seq + e.length > f.peer_edge + probe)
        complain(e, "sent beyond the window that the peer has offered, up to " +
                        std::to_string(f.peer_edge.value - e.iss));
    if (!f.sent_any || end > f.sent_end) f.sent_end = end;
    f.sent_any = true;
    f.largest = std::max(f.largest, e.length);
    const bool open = e.state >= State::Established && e.state != State::TimeWait;
    if (open && e.cwnd < f.largest) complain(e, "has a cwnd below one segment");
}

void Watcher::judge_window(const SegmentSentEvent& e, Flow& f) {
    const Seq ack{e.ack};
    if (f.told_any && ack < f.last_ack) complain(e, "took an acknowledgement back");
    const Seq edge = ack + e.window;
    // The field of a SYN is not scaled, and cannot say more than 65,535; and of what an embryo or
    // a TIME-WAIT sends the log tells the field alone.
    const bool limited =
        (e.flags & wire::Syn) != 0 || e.state == State::SynReceived || e.state == State::TimeWait;
    if (f.told_any && edge + k_rounding < f.own_edge && !limited)
        complain(e, "took back a part of the window that it had offered");
    f.last_ack = ack;
    f.own_edge = f.told_any ? max(f.own_edge, edge) : edge;
    f.told_any = true;
}

void Watcher::on_segment_arrived(const SegmentArrivedEvent& e) {
    ++segments_;
    if (e.iss == 0 || (e.flags & wire::Ack) == 0 || (e.flags & wire::Rst) != 0) return;
    Flow& f = flow_of(e.flow, e.iss, e.irs);
    const Seq ack{e.ack};
    if (f.sent_any && ack > f.sent_end) {
        if (e.drop == DropReason::None)
            complain(e.at, "accepted an acknowledgement of what it had not sent");
        return;
    }
    // Of what was dropped too: it may have been for its text, after its window was taken.
    const Seq edge = ack + e.window;
    if (e.drop == DropReason::None || !f.heard_any) f.acked = f.heard_any ? max(f.acked, ack) : ack;
    f.peer_edge = f.heard_any ? max(f.peer_edge, edge) : edge;
    f.heard_any = true;
}

}  // namespace

struct Judge::Inside {
    World& world;
    std::deque<Watcher> watchers{};
    std::vector<Host*> hosts{};
};

Judge::Judge(World& world) : inside_(new Inside{world}) {
    inside_->hosts = world.hosts();
    for (Host* host : inside_->hosts) {
        host->observe(&inside_->watchers.emplace_back(*host));
        host->watch_invariants();
    }
}

Judge::~Judge() {
    for (Host* host : inside_->hosts) host->observe(nullptr);
}

namespace {

constexpr Way k_ways[] = {Way::There, Way::Back};

// What a node has sent into its wires, and what came out of them to it.
struct Balance {
    u64 entered = 0, delivered = 0;
};

std::map<const Node*, Balance> balances(const World& world) {
    std::map<const Node*, Balance> all;
    for (const Wire* wire : world.wires()) {
        for (const Way way : k_ways) {
            const LaneCounters c = wire->counters(way);
            const bool there = way == Way::There;
            all[there ? &wire->a() : &wire->b()].entered += c.entered;
            all[there ? &wire->b() : &wire->a()].delivered += c.delivered;
        }
    }
    return all;
}

void complain_of_balance(const Host& host, const Balance& b, std::vector<std::string>& into) {
    const HostTraffic& t = host.traffic();
    const Counters c = host.counters();
    if (t.arrived != b.delivered)
        into.push_back(host.name() + ": the wire delivered " + std::to_string(b.delivered) +
                       " packets, " + std::to_string(t.arrived) + " arrived");
    const u64 heard = t.arrived - t.unheard - t.doors_took_in + t.doors_added_in;
    if (heard != c.packets_in)
        into.push_back(host.name() + ": " + std::to_string(heard) + " packets came to the stack, " +
                       "it counted " + std::to_string(c.packets_in));
    const u64 sent = t.left + t.doors_took_out - t.doors_added_out;
    if (sent != c.packets_out)
        into.push_back(host.name() + ": the stack counted " + std::to_string(c.packets_out) +
                       " packets sent, " + std::to_string(sent) + " left");
    if (t.left != b.entered)
        into.push_back(host.name() + ": " + std::to_string(t.left) +
                       " packets left, the wire took " + std::to_string(b.entered));
}

void complain_of_balance(const Router& router, const Balance& b, std::vector<std::string>& into) {
    const RouterCounters& c = router.counters();
    const u64 known = c.forwarded + c.ttl_exceeded + c.no_route + c.too_big + c.malformed;
    if (known != b.delivered)
        into.push_back(router.name() + ": " + std::to_string(b.delivered) +
                       " packets arrived, it knows of " + std::to_string(known));
    if (c.forwarded + c.icmp_sent != b.entered)
        into.push_back(router.name() + ": " + std::to_string(c.forwarded + c.icmp_sent) +
                       " packets left, the wires took " + std::to_string(b.entered));
}

}  // namespace

std::vector<std::string> Judge::complaints() const {
    std::vector<std::string> all;
    for (const Watcher& w : inside_->watchers)
        all.insert(all.end(), w.complaints().begin(), w.complaints().end());
    for (const auto& [node, balance] : balances(inside_->world)) {
        if (const auto* host = dynamic_cast<const Host*>(node))
            complain_of_balance(*host, balance, all);
        else if (const auto* router = dynamic_cast<const Router*>(node))
            complain_of_balance(*router, balance, all);
    }
    for (const Host* host : inside_->hosts)
        if (!host->broken_invariant().empty())
            all.push_back("an invariant does not hold: " + host->broken_invariant());
    for (Host* host : inside_->hosts)
        if (host->is_up() && host->stack().memory_used() > host->memory_limit())
            all.push_back(host->name() + ": the stack uses more than its memory_limit");
    return all;
}

std::vector<std::string> Judge::leftovers() const {
    std::vector<std::string> all;
    for (const Wire* wire : inside_->world.wires())
        for (const Way way : k_ways)
            if (const u64 n = wire->counters(way).under_way(); n != 0)
                all.push_back(wire->name() + ": " + std::to_string(n) + " packets are under way" +
                              (way == Way::There ? "" : " back") + " for ever");
    for (Host* host : inside_->hosts) {
        if (!host->is_up()) continue;
        const auto c = host->stack().tcp().count();
        if (c.connections + c.embryos + c.time_waits != 0)
            all.push_back(host->name() + ": " + std::to_string(c.connections) + " connections, " +
                          std::to_string(c.embryos) + " embryos and " +
                          std::to_string(c.time_waits) + " TIME-WAITs are left");
    }
    if (const u64 n = inside_->world.packets(); n != 0)
        all.push_back(std::to_string(n) + " packets were not released");
    return all;
}

u64 Judge::segments() const {
    u64 all = 0;
    for (const Watcher& w : inside_->watchers) all += w.segments();
    return all;
}

}  // namespace tern::sim
