// One end: a stack, the application on it, and what can be seen of both from outside.
#pragma once

#include "lab/explore/explore.hh"
#include "tern/stack.hh"

namespace tern::explore {

inline constexpr u16 k_port = 80;
inline constexpr u32 k_message = 100;  // bytes of one Send

// What the event log says of the connection.
class Seen final : public Observer {
public:
    void on_segment_sent(const SegmentSentEvent& e) override { reset_sent |= (e.flags & 4) != 0; }
    void on_state(const StateEvent& e) override;
    bool was_in(State s) const { return (states & 1u << static_cast<u8>(s)) != 0; }

    State state = State::Closed;
    u32 states = 0;  // by bit
    bool reset_sent = false, short_time_wait = false, odd_step = false;
    Instant waits_since{};
};

struct Side {
    Side(const char* side_name, PacketPool& pool, u64 seed, const char* address,
         const std::vector<Step>& wanted, bool listening);

    std::string name;
    Seen seen;
    Stack stack;
    Interface interface;
    TcpConnection connection{};
    IpAddress peer{};
    std::vector<Step> steps;
    std::vector<u8> put_off;  // by step: 0 = its own time, n = behind the (n-1)-th arrival
    bool listens;
    std::size_t next = 0;  // the first step not done
    u32 arrivals = 0;
    u32 sent = 0, received = 0;  // bytes, by the application
    u32 connected = 0, closed = 0;
    bool at_end = false, accepted = false, released = false, gave_up = false;
    bool closed_itself = false, aborted_itself = false, refused = false;
    Error error = Error::None;
    Instant closed_at{};

    bool over() const { return closed > 0 || released; }
    // Events, then the calls whose time has come; `idle`: nothing moves any more. True: a call.
    void hear(Instant now, Plant plant);
    bool act(bool idle);
    // There is a call that idleness would bring about.
    bool would_act() const { return has_steps() && due(steps[next], put_off[next], true); }

private:
    bool has_steps() const { return next < steps.size() && !over(); }
    bool due(const Step& step, u8 put_off_to, bool idle) const;
    void make(Call call);
    void read();
};

}  // namespace tern::explore
