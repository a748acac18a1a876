// RFC 9293 3.10.5 ABORT: RST, and everything is dropped.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

Result<void> Tcp::abort(TcpConnection c) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (tcb->has(k_detached)) {
        // Over already, or in TIME-WAIT, which stays: it protects others. What is dropped must not
        // look like the end of the stream.
        if (tcb->error == Error::None && has_unread(room, *tcb)) tcb->error = Error::Aborted;
        drop_queues(room, *tcb, Received::Dropped);
        return {};
    }
    // RFC 9293 3.10.5 [U-17]: not before the peer knows of us, nor when both sides have closed.
    const State s = tcb->state;
    if (s != State::SynSent && s != State::Closing && s != State::LastAck)
        send_reset(room, *tcb, SendReason::ResetAbort);
    finish(room, tcb->self, Cause::Abort, Error::Aborted);
    return {};
}

}  // namespace tern
