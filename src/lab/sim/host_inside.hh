// A host: a stack, its one wire, and what its programs asked to be told.
#pragma once

#include <optional>

#include "lab/sim/inside.hh"

namespace tern::sim {

struct Host::Inside final : Actor {
    Inside(WorldInside& w, Host& f, Cidr a, const HostOptions& o)
        : world(w), face(f), address(a), options(o) {}

    struct Listening {
        TcpListener handle;
        std::function<void(StreamPtr)> on_accept;
    };
    struct Port {
        u16 number;
        UdpSocket handle;
        std::function<void(Datagram)> receive;
    };

    WorldInside& world;
    Host& face;
    Cidr address;
    HostOptions options;
    std::optional<Stack> stack{};
    Interface interface {};
    Lane* out = nullptr;
    Duration ahead{};  // how far the host's clock is ahead of the world's
    Instant told{};    // the time of the stack's last verb, on the host's clock
    u64 starts = 0;
    bool in_turn = false, touched = false, stop_wanted = false;
    std::vector<std::function<void()>> programs{};
    std::function<void(const Event&)> on_event{};
    Observer* observer = nullptr;
    std::vector<Door*> doors{};  // from the stack to the wire
    HostTraffic traffic{};
    bool watches_invariants = false;
    std::string broken_invariant{};
    Counters past{};  // of stacks that are gone
    // Event::user is the place in these, counted from 1. Deques: callbacks may add to them.
    std::deque<StreamPtr> streams{};
    std::vector<u32> free_streams{};
    std::deque<Listening> listeners{};
    std::deque<Port> ports{};

    Instant clock() const { return world.now + ahead; }
    void boot();
    void power_off();
    void touch();

    void wake() override;
    void turn();
    void examine();
    void transmit();
    void receive_through_doors(PacketBatch&& batch);
    void leave(PacketBatch&& batch);
    void tell(const Event& event);
    void tell_stream(const Event& event);
    void read(const StreamPtr& stream, bool peer_closed);
    void accept(Listening& listening);
    void receive(Port& port);
    StreamPtr add_stream(TcpConnection connection);
    void drop_stream(Stream& stream);
};

}  // namespace tern::sim
