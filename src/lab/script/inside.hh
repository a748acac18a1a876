// What a Script is made of; only the .cc files of this folder see it.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "lab/script/script.hh"

#include "lab/trace/frame_view.hh"
#include "lab/trace/story.hh"
#include "tern/fanout.hh"

namespace tern::script {

inline constexpr Ipv4Address k_stack_address{10, 0, 0, 1};
inline constexpr Ipv4Address k_peer_address{10, 0, 0, 2};

// One pair of ports, and what the peer's side of it knows.
struct Flow {
    u16 local_port = 0;  // the stack's
    u16 remote_port = 0;
    std::string written;  // what the application wrote: the stream that segments are checked with
    u16 peer_window = 65535;  // field of the last line with "win"
    bool peer_offers_timestamps = false;
    bool stack_offers_timestamps = false;
    bool auto_timestamps = true;
    u32 last_ts_val = 0;            // absolute, of the stack
    std::optional<u8> stack_shift;  // window scale in the stack's SYN
    bool timestamps() const {
        return auto_timestamps && peer_offers_timestamps && stack_offers_timestamps;
    }
    Endpoint local() const { return {k_stack_address, local_port}; }
    Endpoint remote() const { return {k_peer_address, remote_port}; }
};

// A packet that the stack has sent, waiting for expect().
struct Script::Sent {
    Instant at;
    std::vector<std::byte> bytes;
    bool checksum_partial = false;
    trace::FrameView view;  // into `bytes`
    wire::PacketLine line;
    Flow* flow = nullptr;  // null: no TCP segment to the peer
    std::string text;      // for people, with the reason
};

struct HandleEvents {
    u16 all = 0;
    u16 fresh = 0;
    Error error = Error::None;
};

// Remembers the last state of each flow, for records that no handle reaches.
class StateWatch final : public Observer {
public:
    void on_state(const StateEvent& e) override {
        states_[{e.flow.local.port, e.flow.remote.port}] = e.to;
    }
    State of(const Flow& flow) const {
        const auto it = states_.find({flow.local_port, flow.remote_port});
        return it == states_.end() ? State::Closed : it->second;
    }

private:
    std::map<std::pair<u16, u16>, State> states_;
};

struct Script::Inside {
    // The budget outlives the pool, the pool the stack and every packet.
    std::unique_ptr<MemoryBudget> budget;
    std::unique_ptr<PacketPool> pool;
    trace::StoryPrinter story;
    StateWatch watch;
    std::unique_ptr<Observer> follower;
    Fanout observers;
    std::unique_ptr<Stack> stack;
    Interface interface;
    Instant start{std::chrono::seconds(1)};  // not 0: a stack must not take 0 for "never"
    Instant now = start;
    std::deque<Sent> sent;
    std::map<std::pair<u16, u16>, Flow> flows;
    Flow* flow = nullptr;
    TcpListener listener;
    std::map<std::pair<Index, u32>, HandleEvents> events;
    bool finished = false;

    Flow& flow_of(u16 local_port, u16 remote_port, u32 peer_isn);
    void capture(Packet packet);
    void on_event(const Event& e);
    trace::Numbers::Direction& from_stack(const Flow& f) {
        return story.numbers().direction(f.local(), f.remote());
    }
    trace::Numbers::Direction& from_peer(const Flow& f) {
        return story.numbers().direction(f.remote(), f.local());
    }
};

std::string duration_text(Duration d);

}  // namespace tern::script
