#include <gtest/gtest.h>

#include "tern/sim.hh"

using namespace tern::sim;
using namespace std::chrono_literals;

TEST(Greeter, answers_through_loss_and_a_partition) {
    World world{{.seed = 42}};
    Host& client = world.host("client", "10.0.0.1/24");
    Host& server = world.host("server", "10.0.0.2/24");
    Wire& wire = world.wire(client, server, {.loss = 0.1, .delay = 20ms});
    server.listen(7, [](const StreamPtr& s) {  // your program: here it greets whoever calls
        s->on_data = [s = s.get()](auto) { s->send("hello, "), s->send("you\n"); };
    });
    std::string heard;
    StreamPtr s = client.connect(server, 7);
    s->on_data = [&](auto bytes) { heard.append((const char*)bytes.data(), bytes.size()); };
    for (int i = 0; i < 30; ++i) world.after(i * 300ms, [s] { s->send("?"); });
    world.partition(wire, tern::Instant{2500ms}, tern::Instant{5s});
    world.run_for(60s);
    EXPECT_EQ(heard.substr(0, 11), "hello, you\n");
    EXPECT_TRUE(s->alive());
    world.finish();  // throws if the loss or the partition hit nothing
}
