// A batch against the same packets one by one: the application reads the same bytes, and the
// sender learns the same (only the number of ACKs may differ: RFC 9293 [MUST-58]).
#include <vector>

#include "support/covers.hh"
#include "support/pair.hh"

namespace tern {
namespace {

struct Outcome {
    u64 bytes = 0;
    u32 una = 0;
    u64 acks = 0;
    std::vector<std::byte> data;
};

Outcome run(bool together) {
    Pair p;
    const TcpConnection c = p.connect();
    p.exchange();
    const TcpConnection s = *p.b.tcp().accept(p.listener);
    std::vector<std::byte> out(1'000'000), in(65'536);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 31 >> 3);
    Outcome o;
    std::size_t sent = 0;
    while (o.bytes < out.size()) {
        if (sent < out.size())
            if (auto n = p.a.tcp().send(c, std::span(out).subspan(sent))) sent += *n;
        PacketBatch x = p.a.transmit(p.now, p.on_a);
        if (together) {
            p.b.receive(p.now, p.on_b, std::move(x));
        } else {
            for (u32 i = 0; i < x.size(); ++i) {
                PacketBatch one;
                one.push(x.take(i));
                p.b.receive(p.now, p.on_b, std::move(one));
                PacketBatch acks = p.b.transmit(p.now, p.on_b);
                o.acks += acks.size();
                p.a.receive(p.now, p.on_a, std::move(acks));
            }
        }
        PacketBatch acks = p.b.transmit(p.now, p.on_b);
        o.acks += acks.size();
        p.a.receive(p.now, p.on_a, std::move(acks));
        while (auto n = p.b.tcp().receive(s, in)) {
            o.data.insert(o.data.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(*n));
            o.bytes += *n;
        }
        p.pass(std::chrono::microseconds(100));
    }
    p.pass(std::chrono::milliseconds(50));
    o.una = p.a.tcp().status(c)->snd_una;
    EXPECT_TRUE(o.data == out);
    return o;
}

TEST(Twin, BatchAndOneByOne) {
    test::covers({"RFC9293:MUST-58", "RFC9293:MUST-59"});
    const Outcome together = run(true);
    const Outcome single = run(false);
    EXPECT_TRUE(together.data == single.data);
    EXPECT_EQ(together.una, single.una);
    EXPECT_LT(together.acks * 2, single.acks);
}

}  // namespace
}  // namespace tern
