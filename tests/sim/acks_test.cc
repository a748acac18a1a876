// What acknowledgements cost in packets: a bulk transfer, and requests with their responses. Those
// that leave when the application has read (docs/decisions/0019-acknowledge-what-was-read.md) are
// to take the place of delayed ones, not to come on top of them.
#include <gtest/gtest.h>

#include <chrono>

#include "support/covers.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

struct Hosts {
    World world{{.seed = 7}};
    Host& server = world.host("server", "10.0.0.1/24");
    Host& client = world.host("client", "10.0.0.2/24");

    explicit Hosts(const Impairment& path) { world.wire(server, client, path); }
    u64 left() const {
        return server.counters().tcp_segments_out + client.counters().tcp_segments_out;
    }
};

TEST(Acks, a_bulk_transfer_has_one_for_two_segments) {
    test::covers({"RFC9293:SHLD-19", "RFC9293:MUST-58"});
    for (const u64 rate : {u64{1'000'000}, u64{10'000'000}, u64{1'000'000'000}}) {
        SCOPED_TRACE(std::to_string(rate) + " bit/s");
        Hosts hosts({.delay = 5ms, .rate = rate, .queue_packets = 10'000});
        Bulk bulk(hosts.world, hosts.client, hosts.server, {.bytes = 1'000'000});
        ASSERT_TRUE(hosts.world.run_until([&] { return bulk.done(); }, 60s));
        const u64 segments = hosts.client.counters().tcp_segments_out;
        const u64 acks = hosts.server.counters().tcp_segments_out;
        EXPECT_GE(segments, 1'000'000u / 1448);
        // SYN-ACK, FIN and their like, and what the sender pushes because its buffer is empty.
        EXPECT_LE(acks, segments / 2 + 8) << segments;
    }
}

u64 segments_of(const RequestOptions& options) {
    Hosts hosts({.delay = 1ms, .queue_packets = 10'000});
    Requests requests(hosts.world, hosts.client, hosts.server, options);
    EXPECT_TRUE(hosts.world.run_until([&] { return requests.done(); }, 600s));
    return hosts.left();
}

// Handshake and end take the same number each time: what 100 exchanges more cost.
u64 segments_of_100(RequestOptions options) {
    options.count = 100;
    const u64 some = segments_of(options);
    options.count = 200;
    return segments_of(options) - some;
}

TEST(Acks, an_exchange_is_two_segments_and_three_when_the_next_request_comes_late) {
    test::covers({"RFC9293:SHLD-18", "RFC9293:MUST-58"});
    for (const u32 response : {50u, 1000u, 1448u}) {
        SCOPED_TRACE(std::to_string(response) + " bytes");
        // The server answers at once. The client has its next request at once, before a delayed
        // acknowledgement would leave, or after it.
        for (const Duration soon : {Duration{}, Duration{10ms}, Duration{30ms}})
            EXPECT_EQ(segments_of_100({.response = response, .interval = soon}), 200u);
        for (const Duration late : {Duration{60ms}, Duration{1s}})
            EXPECT_EQ(segments_of_100({.response = response, .interval = late}), 300u);
    }
}

// The server knows that answers come late, and then one comes within the turn that reads.
TEST(Acks, an_answer_in_the_turn_that_reads_takes_the_acknowledgement_with_it) {
    test::covers({"RFC9293:SHLD-18"});
    Hosts hosts({.delay = 1ms, .queue_packets = 10'000});
    std::vector<std::byte> question(100), answer(50);
    bool answers = false;
    StreamPtr at_server;
    hosts.server.listen(80, [&](const StreamPtr& s) {
        at_server = s;
        s->on_data = [&](std::span<const std::byte>) {
            if (answers) at_server->send(answer);
        };
    });
    const StreamPtr at_client = hosts.client.connect(hosts.server, 80);
    hosts.world.run_for(10ms);
    const auto left_by_server = [&](Duration d) {
        const u64 before = hosts.server.counters().tcp_segments_out;
        at_client->send(question);
        hosts.world.run_for(d);
        return hosts.server.counters().tcp_segments_out - before;
    };
    EXPECT_EQ(left_by_server(30ms), 0u) << "waits for an answer";
    hosts.world.run_for(100ms);
    EXPECT_EQ(left_by_server(5ms), 1u) << "does not wait any more";
    answers = true;
    EXPECT_EQ(left_by_server(5ms), 1u) << "the answer alone";
    answers = false;
    EXPECT_EQ(left_by_server(30ms), 0u) << "waits again";
}

}  // namespace
}  // namespace tern::sim
