// Words and numbers: sizes and times for people, relative numbers, counters.
#include "core/base/endian.hh"
#include "core/wire/ipv4.hh"
#include "lab/trace/infer_peer.hh"
#include "lab/trace/line_text.hh"
#include "lab/trace/reasons.hh"
#include "tern/counter_report.hh"
#include "tern/fanout.hh"

#include <gtest/gtest.h>

namespace tern {
namespace {

using namespace std::chrono_literals;

TEST(Words, NumbersAndTimes) {
    EXPECT_EQ(trace::grouped(0), "0");
    EXPECT_EQ(trace::grouped(999), "999");
    EXPECT_EQ(trace::grouped(1234567), "1,234,567");
    EXPECT_EQ(trace::size_text(1), "1 byte");
    EXPECT_EQ(trace::size_text(9999), "9,999 bytes");
    EXPECT_EQ(trace::size_text(1'840'000), "1.8 MB");
    EXPECT_EQ(trace::size_text(999'999), "1.0 MB");
    EXPECT_EQ(trace::short_text(20ms), "20 ms");
    EXPECT_EQ(trace::short_text(1500ms), "1.5 s");
    EXPECT_EQ(trace::short_text(0ms), "0 ns");
    EXPECT_EQ(trace::seconds_text(102ms), "0.102000");
    EXPECT_EQ(trace::seconds_text(-1ms), "-0.001000");
}

TEST(Words, EveryReasonIsASentence) {
    for (u8 i = 0; i <= static_cast<u8>(SendReason::Datagram); ++i) {
        trace::Reason reason;
        reason.why = static_cast<SendReason>(i);
        EXPECT_GT(trace::explain(reason).size(), 10u);
    }
    trace::Reason reason;
    reason.why = SendReason::Data;
    reason.tcp = true;
    reason.segment.length = 1000;
    reason.segment.cwnd = 10'000;
    reason.segment.flight = 2000;
    EXPECT_EQ(trace::explain(reason),
              "new data, inside the peer's window and cwnd (1,000 bytes; 2,000 of cwnd 10,000 in "
              "flight)");
}

TEST(Reasons, AreFoundByNoteUntilOthersTakeTheirPlace) {
    trace::Reasons reasons;
    EXPECT_EQ(reasons.find(1), nullptr);
    reasons.sent(PacketSentEvent{Instant{}, 7, SendReason::ArpReply, 28});
    ASSERT_NE(reasons.find(7), nullptr);
    EXPECT_EQ(reasons.find(7)->why, SendReason::ArpReply);
    EXPECT_EQ(reasons.find(6), nullptr);
    EXPECT_EQ(reasons.find(8191), nullptr) << "nobody has come so far";
    reasons.sent(PacketSentEvent{Instant{}, 7 + 8192, SendReason::EchoReply, 28});
    EXPECT_EQ(reasons.find(7), nullptr);
    EXPECT_EQ(reasons.find(0), nullptr);
}

struct Segment {
    std::array<std::byte, 40> bytes{};
    Segment(bool from_client, u16 flags, u32 seq, u32 ack) {
        wire::Ipv4Header ip;
        ip.total_length = 40;
        ip.protocol = 6;
        ip.source = Ipv4Address{10, 0, 0, static_cast<u8>(from_client ? 1 : 2)};
        ip.destination = Ipv4Address{10, 0, 0, static_cast<u8>(from_client ? 2 : 1)};
        wire::emit_ipv4(ip, bytes.data());
        wire::TcpHeader tcp;
        tcp.source_port = from_client ? 1000 : 80;
        tcp.destination_port = from_client ? 80 : 1000;
        tcp.seq = Seq{seq};
        tcp.ack = Seq{ack};
        tcp.flags = flags;
        tcp.window = 9;
        wire::emit_tcp(tcp, bytes.data() + 20);
    }
    std::string text(trace::Numbers& n) const {
        return trace::line_text(trace::view_of(bytes, Medium::Ip), n);
    }
};

TEST(Numbers, CountFromTheSyn) {
    trace::Numbers n;
    EXPECT_EQ(Segment(true, wire::Syn, 0xffffffff, 0).text(n), "S 0:0(0) win 9");
    EXPECT_EQ(Segment(false, wire::Syn | wire::Ack, 500, 0).text(n), "S. 0:0(0) ack 1 win 9");
    EXPECT_EQ(Segment(true, wire::Ack, 0, 501).text(n), ". 1:1(0) ack 1 win 9");
    EXPECT_EQ(Segment(true, wire::Syn, 7000, 0).text(n), "S 0:0(0) win 9") << "a new connection";
}

TEST(Numbers, CountFromTheFirstByteWhereNoSynWasSeen) {
    trace::Numbers n;
    EXPECT_EQ(Segment(true, wire::Ack, 12345, 999).text(n), ". 1:1(0) ack 1 win 9");
    EXPECT_EQ(Segment(false, wire::Ack, 1009, 12345).text(n), ". 11:11(0) ack 1 win 9");
}

TEST(FrameView, ToleratesAnything) {
    std::array<std::byte, 64> junk{};
    for (u32 i = 0; i < 4096; ++i) {
        for (std::size_t k = 0; k < junk.size(); ++k)
            junk[k] = static_cast<std::byte>((i * 2654435761u) >> (k % 24) ^ (k * i));
        if (i % 2) junk[0] = std::byte{0x45};
        for (std::size_t size : {0u, 1u, 13u, 14u, 20u, 34u, 64u}) {
            for (const Medium medium : {Medium::Ethernet, Medium::Ip}) {
                const auto view = trace::view_of(std::span{junk}.first(size), medium);
                trace::Numbers n;
                EXPECT_FALSE(trace::line_text(view, n).empty());
                trace::checksums_hold(view);
            }
        }
    }
}

TEST(InferredPeer, FollowsAClose) {
    trace::InferredPeer peer;
    EXPECT_FALSE(peer.state());
    peer.sent(wire::Syn);
    EXPECT_EQ(peer.state(), State::SynSent);
    peer.received(wire::Syn | wire::Ack, false);
    peer.sent(wire::Ack);
    EXPECT_EQ(peer.state(), State::Established);
    peer.sent(wire::Fin | wire::Ack);
    EXPECT_EQ(peer.state(), State::FinWait1);
    peer.received(wire::Ack, true);
    EXPECT_EQ(peer.state(), State::FinWait2);
    peer.received(wire::Fin | wire::Ack, true);
    EXPECT_EQ(peer.state(), State::TimeWait);
}

TEST(Counters, TableAndJson) {
    Counters c;
    EXPECT_EQ(counter_table(c), "nothing yet\n");
    c.packets_in = 1234567;
    c.drops[static_cast<u8>(DropReason::TcpPaws)] = 3;
    const std::string table = counter_table(c);
    EXPECT_NE(table.find("1,234,567  packets received"), std::string::npos) << table;
    EXPECT_NE(table.find("3  timestamp older than the last one"), std::string::npos) << table;
    const std::string json = counter_json(c);
    EXPECT_NE(json.find("\"packets_in\":1234567"), std::string::npos) << json;
    EXPECT_NE(json.find("\"drops\":{\"TcpPaws\":3}"), std::string::npos) << json;
}

TEST(Fanout, TellsAllInOrder) {
    struct Ear final : Observer {
        std::string& heard;
        char name;
        Ear(std::string& h, char n) : heard(h), name(n) {}
        void on_drop(const DropEvent&) override { heard += name; }
    };
    std::string heard;
    Ear a{heard, 'a'}, b{heard, 'b'};
    Fanout all{&a, nullptr, &b};
    all.on_drop({});
    all.remove(&a);
    all.on_drop({});
    EXPECT_EQ(heard, "abb");
}

}  // namespace
}  // namespace tern
