#include "peer/host.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "peer/words.hh"

namespace tern::peer {

namespace {

constexpr int k_receive_batches = 4;  // per turn, so that a flood leaves time for everything else

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "tern_peer: %s\n", why.c_str());
    std::exit(1);
}

Reply reply_of(const ImpairCounters& c) {
    return Reply{}
        .set("seen", c.seen)
        .set("lost", c.lost)
        .set("reordered", c.reordered)
        .set("duplicated", c.duplicated)
        .set("corrupted", c.corrupted)
        .set("queue_dropped", c.queue_dropped)
        .set("memory_dropped", c.memory_dropped);
}

Duration milliseconds_of(double value) { return Duration(static_cast<i64>(value * 1'000'000.0)); }

}  // namespace

ImpairDirection impairments_of(const std::string& text) {
    ImpairDirection d;
    d.reorder_by = std::chrono::milliseconds(2);
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        const std::size_t equals = part.find('=');
        if (part == "none" || part.empty()) continue;
        if (equals == std::string::npos) throw Complaint{"not NAME=VALUE: " + part};
        const std::string name = part.substr(0, equals), value = part.substr(equals + 1);
        if (name == "loss")
            d.loss = real_of(value);
        else if (name == "dup")
            d.duplicate = real_of(value);
        else if (name == "corrupt")
            d.corrupt = real_of(value);
        else if (name == "reorder")
            d.reorder = real_of(value);
        else if (name == "reorder_by")
            d.reorder_by = milliseconds_of(real_of(value));
        else if (name == "delay")
            d.delay = milliseconds_of(real_of(value));
        else if (name == "jitter")
            d.jitter = milliseconds_of(real_of(value));
        else if (name == "rate")
            d.rate = number_of(value);
        else if (name == "queue")
            d.queue_packets = static_cast<u32>(number_of(value));
        else if (name == "mark")
            d.mark.packets = static_cast<u32>(number_of(value));
        else if (name == "drop") {
            std::istringstream numbers(value);
            for (std::string n; std::getline(numbers, n, ':');) d.drop_nth.push_back(number_of(n));
        } else
            throw Complaint{"no such impairment: " + name};
    }
    return d;
}

Instant now() { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; }

Host::Host(const HostOptions& options) {
    auto tap = open_tap(options.tap);
    if (!tap) die(tap.error().message);
    tap_ = std::move(*tap);
    stack_ = std::make_unique<Stack>(options.stack);
    stack_->set_header_prediction(options.header_prediction);
    link_ = tap_.get();
    if (options.impair) {
        impair_ = std::make_unique<Impair>(*tap_, options.impairments);
        link_ = impair_.get();
    }
    const LinkFacts& facts = link_->facts();
    const auto interface = stack_->add_interface({.name = facts.name,
                                                  .medium = facts.medium,
                                                  .mac = facts.mac,
                                                  .mtu = facts.mtu,
                                                  .vlan = facts.vlan,
                                                  .transmit_checksum = facts.transmit_checksum,
                                                  .segmentation = facts.segmentation});
    if (!interface) die("interface: " + std::string(message_of(interface.error())));
    interface_ = *interface;
    const auto address = Cidr::parse(options.address);
    if (!address) die("no address: " + options.address);
    if (auto done = stack_->add_address(interface_, *address); !done)
        die("address: " + std::string(message_of(done.error())));
    if (options.gateway.empty()) return;
    const auto gateway = IpAddress::parse(options.gateway);
    if (!gateway) die("no address: " + options.gateway);
    const Cidr all{Ipv4Address::unspecified(), 0};
    if (auto done = stack_->add_route(all, interface_, *gateway); !done)
        die("route: " + std::string(message_of(done.error())));
}

void Host::receive(Instant at) {
    for (int i = 0; i < k_receive_batches; ++i) {
        PacketBatch batch;
        link_->receive(at, stack_->pool(), batch);
        if (batch.empty()) break;
        stack_->receive(at, interface_, std::move(batch));
    }
    if (impair_ && impair_->next_deadline() <= at) impair_->transmit(at, {});
    stack_->advance(at);
}

void Host::transmit(Instant at) {
    for (;;) {
        PacketBatch batch = stack_->transmit(at, interface_);
        if (batch.empty()) return;
        link_->transmit(at, std::move(batch));
    }
}

Instant Host::next_deadline() const {
    return std::min(stack_->next_deadline(), link_->next_deadline());
}

void Host::change(ImpairDirection outbound, ImpairDirection inbound) {
    if (!impair_) throw Complaint{"started without --impair"};
    impair_->change(std::move(outbound), std::move(inbound));
}

void Host::steal_window_updates(WindowUpdateThief::From from) {
    using From = WindowUpdateThief::From;
    thief_ = std::make_unique<WindowUpdateThief>(from);
    ImpairDirection outbound, inbound;
    WindowUpdateThief* thief = thief_.get();
    outbound.decide = [thief](u64, std::span<const std::byte> frame) {
        return thief->judge(From::Outbound, frame);
    };
    inbound.decide = [thief](u64, std::span<const std::byte> frame) {
        return thief->judge(From::Inbound, frame);
    };
    change(std::move(outbound), std::move(inbound));
}

Reply Host::counters() const {
    const Counters& c = stack_->counters();
    const LinkCounters l = tap_->counters();
    Reply drops;
    for (u32 i = 1; i < k_drop_reason_count; ++i)
        if (c.drops[i] != 0) drops.set(name_of(static_cast<DropReason>(i)), c.drops[i]);
    Reply r;
    r.set("drops", drops)
        .set("packets_in", c.packets_in)
        .set("packets_out", c.packets_out)
        .set("segments_in", c.tcp_segments_in)
        .set("segments_out", c.tcp_segments_out)
        .set("retransmissions", c.tcp_retransmissions)
        .set("predicted", c.tcp_predicted)
        .set("marks_in", c.tcp_marks_in)
        .set("mark_reductions", c.tcp_mark_reductions)
        .set("opened", c.tcp_connections_opened)
        .set("accepted", c.tcp_connections_accepted)
        .set("fast_opens", c.tcp_fast_opens)
        .set("cookies_sent", c.tcp_cookies_sent)
        .set("udp_in", c.udp_in)
        .set("udp_out", c.udp_out)
        .set("icmp_in", c.icmp_in)
        .set("icmp_out", c.icmp_out)
        .set("arp_in", c.arp_in)
        .set("arp_out", c.arp_out)
        .set("frames_received", l.received_packets)
        .set("frames_sent", l.sent_packets)
        .set("receive_refused", l.receive_refused)
        .set("send_refused", l.send_refused)
        .set("memory", stack_->memory_used())
        .set("packets_held", stack_->pool().packets_in_use());
    const Tcp::Count n = stack_->tcp().count();
    r.set("connections", n.connections)
        .set("embryos", n.embryos)
        .set("time_waits", n.time_waits)
        .set("listeners", n.listeners);
    if (impair_) {
        r.set("impair_out", reply_of(impair_->outbound()));
        r.set("impair_in", reply_of(impair_->inbound()));
    }
    if (thief_) r.set("stolen", thief_->stolen()).set("probes", thief_->probes());
    return r;
}

}  // namespace tern::peer
