// A test of a protocol over a bad network, in virtual time: the answer comes in spite of losses.
#include <cstdio>
#include <string>

#include "tern/sim.hh"
#include "tern/tern.hh"

using namespace std::chrono_literals;

int main() {
    tern::sim::World world{{.seed = 42}};
    tern::sim::Host& client = world.host("client", "10.0.0.1/24");
    tern::sim::Host& server = world.host("server", "10.0.0.2/24");
    world.wire(client, server, {.loss = 0.1, .delay = 20ms});
    server.listen(7, [](const tern::sim::StreamPtr& s) {
        s->on_data = [stream = s.get()](auto bytes) { stream->send(bytes); };
    });
    std::string heard;
    tern::sim::StreamPtr stream = client.connect(server, 7);
    stream->on_data = [&](auto bytes) {
        heard.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    for (int i = 0; i < 30; ++i) world.after(i * 300ms, [stream] { stream->send("ping "); });
    world.run_for(60s);
    std::printf("%zu bytes came back, tern %s\n", heard.size(), TERN_VERSION_STRING);
    world.finish();  // throws if the losses struck nothing
    return heard.size() == 150 ? 0 : 1;
}
