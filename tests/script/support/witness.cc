// Watches every stack of every script: what it tells goes to scripts/check_seen.py, and rules that
// hold for every segment we send are checked on each of them, whatever the script is about.
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "core/wire/tcp.hh"
#include "lab/script/script.hh"
#include "lab/trace/frame_view.hh"
#include "support/seen.hh"
#include "support/truth.hh"

namespace tern {

namespace {

u8 at(std::span<const std::byte> bytes, std::size_t i) { return static_cast<u8>(bytes[i]); }

// RFC 9293 3.1 [MUST-68] [MUST-69], 3.2 [MUST-65].
void check_options(std::span<const std::byte> options, u8 flags) {
    const bool syn = (flags & wire::Syn) != 0, asks = syn && (flags & wire::Ack) == 0;
    while (!options.empty()) {
        const u8 kind = at(options, 0);
        if (kind == 0) {
            for (const std::byte b : options) EXPECT_EQ(static_cast<int>(b), 0) << "behind End";
            return;
        }
        std::size_t length = 1;
        if (kind != 1) {
            ASSERT_GE(options.size(), 2u) << "option " << int{kind} << " without a length";
            length = at(options, 1);
            ASSERT_GE(length, 2u) << "option " << int{kind};
            ASSERT_LE(length, options.size()) << "option " << int{kind} << " past the header";
        }
        EXPECT_TRUE(kind != 2 || syn) << "MSS in a segment without SYN";
        // RFC 9768 3.2.3.2.1 [RFC9768:5].
        EXPECT_TRUE((kind != 172 && kind != 174) || !asks) << "an AccECN option in a SYN";
        options = options.subspan(length);
    }
}

void check_tcp(std::span<const std::byte> packet) {
    const auto tcp = packet.subspan(std::size_t{at(packet, 0)} % 16 * 4);
    const std::size_t header = std::size_t{at(tcp, 12)} / 16 * 4;
    ASSERT_GE(header, 20u);
    ASSERT_LE(header, tcp.size());
    // RFC 9293 3.1 [U-1]: reserved bits are zero.
    EXPECT_EQ(at(tcp, 12) & 0x0e, 0) << "reserved bits";
    check_options(tcp.first(header).subspan(20), at(tcp, 13));
}

// Which flows may use ECN, and what of them may be marked.
class EcnRules {
public:
    void see(const trace::FrameView& v, bool outbound) {
        const bool syn = v.tcp.has(wire::Syn);
        const std::pair key{outbound ? v.source.port : v.destination.port,
                            outbound ? v.destination.port : v.source.port};
        const u16 bits = v.tcp.flags & wire::k_ecn_flags;
        Flow& f = flows_[key];
        if (syn && !v.tcp.has(wire::Ack)) {
            // RFC 9768 3.1.5: one that comes again without has not taken it back.
            const bool same = outbound || v.tcp.seq == f.syn;
            f.asked = bits != 0 || (f.asked && same);
            f.syn = v.tcp.seq;
        }
        if (!outbound) return;
        // RFC 3168 6.1.1, RFC 9768 3.1.1: flags only where somebody has asked.
        EXPECT_TRUE(bits == 0 || f.asked || syn) << "AE, CWR or ECE of a flow without ECN";
        const Seq end = v.tcp.seq + v.length();
        const bool fresh = syn || !f.any || v.tcp.seq >= f.end;
        // RFC 3168 6.1.1, 6.1.4 to 6.1.6.
        const bool capable = (at(v.network, 1) & 3) != 0;
        EXPECT_TRUE(!capable || (v.length() > 0 && fresh && !syn && !v.tcp.has(wire::Rst)))
            << "ECN-capable, and neither new nor data";
        if (fresh) f.end = end;
        f.any = !v.tcp.has(wire::Rst);
    }

private:
    struct Flow {
        bool asked = false;
        Seq syn;  // of the last one
        bool any = false;
        Seq end;
    };
    std::map<std::pair<u16, u16>, Flow> flows_;
};

class Witness final : public test::Seen {
public:
    Witness() { script::set_witness(this); }
    void on_frame(const FrameEvent& e) override {
        if (e.medium != Medium::Ip || e.bytes.size() < 40 || at(e.bytes, 9) != 6) return;
        const trace::FrameView view = trace::view_of(e);
        if (view.kind == trace::FrameView::Kind::Tcp) ecn_.see(view, e.outbound);
        if (!e.outbound) return;
        check_tcp(e.bytes);
        // RFC 9293 3.1 [MUST-2]; what the link completes or cuts has no sum yet.
        const bool complete = !e.checksum_partial && e.gso_size == 0;
        EXPECT_TRUE(!complete || trace::checksums_hold(view)) << "checksum";
    }
    // RFC 9293 3.8.6 [SHLD-14]: the right edge of our window never moves to the left.
    void on_segment_sent(const SegmentSentEvent& e) override {
        Seen::on_segment_sent(e);
        const std::pair flow{e.flow.local.port, e.flow.remote.port};
        if ((e.flags & wire::Syn) != 0) edges_.erase(flow);
        const bool tells = (e.flags & (wire::Syn | wire::Rst | wire::Ack)) == wire::Ack;
        if (!tells || e.state < State::Established || e.state == State::TimeWait) return;
        const u32 edge = e.ack + e.window;
        const auto [it, first] = edges_.try_emplace(flow, edge);
        EXPECT_GE(static_cast<i32>(edge - it->second), 0) << "the right window edge moved left";
        it->second = edge;
    }

private:
    std::map<std::pair<u16, u16>, u32> edges_;
    EcnRules ecn_;
};

Witness g_witness;
// Every reason that a script's stack gives is true when it gives it.
[[maybe_unused]] const bool g_told = [] {
    script::set_follower([]() -> std::unique_ptr<Observer> {
        return std::make_unique<test::Truth>(
            [](const std::string& untrue) { ADD_FAILURE() << untrue; });
    });
    return true;
}();

}  // namespace

}  // namespace tern
