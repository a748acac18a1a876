// RFC 9293 3.10.4 CLOSE: FIN behind the queued data; and release(), the application's farewell.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

namespace {

Result<void> close_sending(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    switch (tcb.state) {
        case State::SynSent: finish(room, i, Cause::Close, Error::None); return {};
        case State::SynReceived:
            // RFC 9293 3.10.4 [U-17]: "queue for processing after entering ESTABLISHED state", also
            // when nothing else is queued; so SYN-RECEIVED to FIN-WAIT-1 is never one step.
            tcb.set(k_fin_queued);
            return {};
        case State::Established:
        case State::CloseWait:
            tcb.set(k_fin_queued);
            become(room, tcb, Cause::Close);
            want_output(room, tcb);
            return {};
        default:  // [U-17]
            return std::unexpected(tcb.error != Error::None ? tcb.error : Error::Closing);
    }
}

}  // namespace

Result<void> Tcp::close(TcpConnection c) {
    Room& room = *room_;
    if (room.tcb_of(c) == nullptr) return std::unexpected(Error::NoSuchConnection);
    return close_sending(room, Handle<Tcb>(c.index));
}

void Tcp::release(TcpConnection c) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return;
    // From now on the peer has to end it in time: begin_orphan().
    cancel_deadline(room, *tcb, Deadline::KeepAlive);
    tcb->set(k_released);
    tcb->orphan = OrphanWait::Nothing;
    if (tcb->has(k_detached) || tcb->state == State::Closed) return free_tcb(room, tcb->self);
    // RFC 9293 3.6.1 [SHLD-3] [MAY-1]: bytes that nobody will read are a loss the peer must know.
    if (has_unread(room, *tcb)) {
        send_reset(room, *tcb, SendReason::ResetUnread);
        return finish(room, tcb->self, Cause::Abort, Error::Aborted);
    }
    if (tcb->state == State::SynSent) return finish(room, tcb->self, Cause::Close, Error::None);
    if (may_send_state(tcb->state) && !tcb->has(k_fin_queued)) (void)close_sending(room, tcb->self);
    begin_orphan(room, *tcb);
}

}  // namespace tern
