// What state the peer must be in, seen from one side only: a guess out of the segments that went
// by, for a column that no observer fills (RFC 9293 figure 5, read from outside).
#pragma once

#include <optional>

#include "core/wire/tcp.hh"
#include "tern/trace.hh"

namespace tern::trace {

class InferredPeer {
public:
    // The peer sent these flags.
    void sent(u16 flags) {
        if ((flags & wire::Rst) != 0) {
            state_ = State::Closed;
        } else if ((flags & wire::Syn) != 0) {
            state_ = (flags & wire::Ack) != 0 ? State::SynReceived : State::SynSent;
        } else if ((flags & wire::Fin) != 0) {
            finish();
        } else if (state_ == State::SynSent) {
            state_ = State::Established;
        }
    }
    // Our side sent these flags, and the peer accepts them if they arrive. `acks_fin`: the
    // acknowledgement covers the peer's FIN.
    void received(u16 flags, bool acks_fin) {
        if (!state_) return;
        if ((flags & wire::Rst) != 0) {
            state_ = State::Closed;
            return;
        }
        if (*state_ == State::SynSent && (flags & wire::Syn) != 0)
            state_ = (flags & wire::Ack) != 0 ? State::Established : State::SynReceived;
        else if (*state_ == State::SynReceived && (flags & wire::Syn) == 0)
            state_ = State::Established;
        if (acks_fin) acknowledged();
        if ((flags & wire::Fin) != 0) peer_finished();
    }
    std::optional<State> state() const { return state_; }

private:
    void finish() {
        if (!state_ || *state_ == State::Established || *state_ == State::SynReceived)
            state_ = State::FinWait1;
        else if (*state_ == State::CloseWait)
            state_ = State::LastAck;
    }
    void acknowledged() {
        if (*state_ == State::FinWait1)
            state_ = State::FinWait2;
        else if (*state_ == State::Closing)
            state_ = State::TimeWait;
        else if (*state_ == State::LastAck)
            state_ = State::Closed;
    }
    void peer_finished() {
        if (*state_ == State::Established)
            state_ = State::CloseWait;
        else if (*state_ == State::FinWait1)
            state_ = State::Closing;
        else if (*state_ == State::FinWait2)
            state_ = State::TimeWait;
    }
    std::optional<State> state_;
};

}  // namespace tern::trace
