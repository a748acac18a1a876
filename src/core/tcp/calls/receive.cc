// RFC 9293 3.10.3 RECEIVE: bytes out of the receive queue, the urgent mark, the window update.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

namespace {

// What a reader is told when nothing waits for it. RFC 9293 3.6 [MUST-12]: a RST is an error, a
// FIN the end of the stream.
Error empty_error(Tcb& tcb) {
    if (tcb.error != Error::None) return tcb.error;
    if (tcb.has(k_fin_received)) return Error::EndOfStream;
    if (!may_receive_state(tcb.state) && is_synchronized(tcb.state)) return Error::EndOfStream;
    // RFC 9293 3.10.4 [U-17]: closed before it was open.
    if (tcb.state == State::Closed) return Error::Closing;
    tcb.set(k_read_armed);
    return Error::WouldBlock;
}

// The octet that the urgent pointer marks is the one in front of RCV.UP.
Seq mark_of(const Room& room, const Tcb& tcb) { return room.colds[tcb.cold].rcv_up - 1; }

// docs/decisions/0019-acknowledge-what-was-read.md: the peer may wait with its next segment for the
// acknowledgement, and this application is not known to answer soon.
void acknowledge_read(Room& room, Tcb& tcb) {
    if (tcb.has(k_ack_now)) return;
    const Seq text_end = tcb.has(k_fin_received) ? tcb.rcv.nxt() - 1 : tcb.rcv.nxt();
    if (read_position(room, tcb) != text_end) return;
    tcb.acked_when_read = true;
    tcb.read_ack_at = static_cast<u8>(room.tick() >> 8);
    acknowledge(room, tcb, SendReason::AckRead);
}

void passed(Room& room, Tcb& tcb) {
    if (tcb.has(k_urgent_in) && read_position(room, tcb) >= room.colds[tcb.cold].rcv_up)
        tcb.clear(k_urgent_in);
    release_empty(room, tcb);
    window_opened(room, tcb);
    if (tcb.ack_when_read) [[unlikely]]
        acknowledge_read(room, tcb);
}

// Steps over the urgent octet when it is not part of the stream, and keeps it for its own call.
void skip_mark(Room& room, Tcb& tcb) {
    if (!tcb.has(k_urgent_in) || options_of(room, tcb).urgent_inline || tcb.receive_queue == 0)
        return;
    if (read_position(room, tcb) != mark_of(room, tcb)) return;
    ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    const std::optional<std::byte> marked = q.byte_at(0);
    if (!marked) return;
    Cold& c = room.colds[tcb.cold];
    if (!c.urgent_taken && !c.has_urgent_byte) {
        c.urgent_byte = static_cast<u8>(*marked);
        c.has_urgent_byte = true;
    }
    q.skip(1);
    passed(room, tcb);
}

// Bytes that may be read in one go: reading stops at the mark.
u64 readable(const Room& room, const Tcb& tcb) {
    if (tcb.receive_queue == 0) return 0;
    const u64 bytes = room.receive_queues[tcb.receive_queue].waiting();
    if (!tcb.has(k_urgent_in)) return bytes;
    const i32 ahead = mark_of(room, tcb) - read_position(room, tcb);
    return ahead > 0 ? std::min<u64>(bytes, static_cast<u32>(ahead)) : bytes;
}

}  // namespace

Result<std::size_t> Tcp::receive(TcpConnection c, std::span<std::byte> into) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    skip_mark(room, *tcb);
    const std::size_t n = std::min<u64>(readable(room, *tcb), into.size());
    if (n == 0) {
        if (into.empty()) return 0;
        return std::unexpected(empty_error(*tcb));
    }
    note_reading(room, *tcb, static_cast<u32>(n));
    room.receive_queues[tcb->receive_queue].read(into.first(n));
    passed(room, *tcb);
    return n;
}

Result<Slice> Tcp::receive(TcpConnection c) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    skip_mark(room, *tcb);
    const u64 most = readable(room, *tcb);
    if (most == 0) return std::unexpected(empty_error(*tcb));
    ReceiveQueue& q = room.receive_queues[tcb->receive_queue];
    note_reading(room, *tcb, static_cast<u32>(std::min<u64>(q.first_size(), most)));
    Packet first = q.take(most);
    if (!first) return std::unexpected(Error::OutOfMemory);
    passed(room, *tcb);
    return Slice{std::move(first)};
}

Result<std::byte> Tcp::receive_urgent(TcpConnection c) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (tcb->cold == 0 || options_of(room, *tcb).urgent_inline)
        return std::unexpected(Error::WouldBlock);
    Cold& cold = room.colds[tcb->cold];
    if (cold.has_urgent_byte) {
        cold.has_urgent_byte = false;
        return static_cast<std::byte>(cold.urgent_byte);
    }
    // Not reached by the reader yet: it is taken from the middle, and skipped later.
    if (!tcb->has(k_urgent_in) || cold.urgent_taken || tcb->receive_queue == 0)
        return std::unexpected(Error::WouldBlock);
    const i32 offset = mark_of(room, *tcb) - read_position(room, *tcb);
    if (offset < 0) return std::unexpected(Error::WouldBlock);
    const auto marked = room.receive_queues[tcb->receive_queue].byte_at(static_cast<u32>(offset));
    if (!marked) return std::unexpected(Error::WouldBlock);
    cold.urgent_taken = true;
    return *marked;
}

Result<bool> Tcp::at_mark(TcpConnection c) const {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    return tcb->has(k_urgent_in) && read_position(room, *tcb) == mark_of(room, *tcb);
}

}  // namespace tern
