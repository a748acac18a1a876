// RFC 9293 3.10.2 SEND: the application's bytes into the send queue, in buffers shaped so that a
// segment can leave in the buffer it was written to.
#include "core/base/checksum.hh"
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

namespace {

Error send_error(const Tcb& tcb) {
    if (tcb.error != Error::None) return tcb.error;
    if (tcb.has(k_fin_queued) || !may_send_state(tcb.state)) return Error::Closing;  // [U-17]
    return Error::None;
}

u32 free_room(const Room& room, const Tcb& tcb) {
    const u32 most = send_limit(room, tcb);
    const u32 queued = queue_bytes(room, tcb);
    return queued >= most ? 0 : most - queued;
}

// Fills the last buffer, if it has not been sent yet and nobody shares it: many small writes leave
// as full segments (RFC 9293 3.9.1.2 [SHLD-27]).
u32 fill_tail(const Tcb& tcb, SendQueue& q, std::span<const std::byte> bytes, u32 limit) {
    if (q.chain.empty()) return 0;
    Packet tail{q.chain.back()};
    const Seq start = q.base + static_cast<u32>(q.chain.bytes()) - tail.size();
    u32 n = 0;
    if (start >= tcb.snd.nxt && tcb.snd.nxt == tcb.snd.max && tail.exclusive() &&
        tail.size() < limit) {
        n = std::min({limit - tail.size(), tail.tailroom(), static_cast<u32>(bytes.size())});
        const bool even = tail.size() % 2 == 0;
        std::byte* to = tail.append(n);
        if (even && tail->payload_sum_known) {
            tail->payload_sum =
                checksum_fold(tail->payload_sum + checksum_copy(to, bytes.first(n)));
        } else {
            std::memcpy(to, bytes.data(), n);
            tail->payload_sum_known = false;
        }
        q.chain.grew(n);
    }
    tail.release();
    return n;
}

u32 enqueue(Room& room, Tcb& tcb, std::span<const std::byte> bytes) {
    SendQueue* q = send_queue(room, tcb);
    if (q == nullptr) return 0;
    const u32 limit = longest_segment(room, tcb);  // how full a buffer gets
    const bool by_link = room.inet.interface(tcb.way.interface).transmit_checksum;
    u32 done = fill_tail(tcb, *q, bytes, limit);
    while (done < bytes.size()) {
        u32 n = std::min<u32>(limit, static_cast<u32>(bytes.size()) - done);
        Packet p = room.cx.pool->allocate_to_keep(n);
        if (!p && n > PacketPool::k_payload_small) {  // rather in small parts than not at all
            n = PacketPool::k_payload_small;
            p = room.cx.pool->allocate_to_keep(n);
        }
        if (!p) {
            n = std::min(n, PacketPool::k_payload_small);
            const bool moving = tcb.snd.una > tcb.snd.iss + 1;
            p = room.cx.pool->allocate_to_keep(n, queue_state(q->chain, moving));
        }
        if (!p) break;
        std::byte* to = p.append(n);
        p->payload_sum_known = !by_link;
        if (by_link)
            std::memcpy(to, bytes.data() + done, n);
        else
            p->payload_sum = checksum_copy(to, bytes.subspan(done, n));
        q->chain.push_back(std::move(p));
        done += n;
    }
    if (q->chain.empty()) room.send_queues.free(std::exchange(tcb.send_queue, {}));
    return done;
}

}  // namespace

Result<std::size_t> Tcp::send(TcpConnection c, std::span<const std::byte> bytes) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (const Error e = send_error(*tcb); e != Error::None) return std::unexpected(e);
    if (bytes.empty()) return 0;
    note_sending(room, *tcb);
    const u32 space = free_room(room, *tcb);
    const std::size_t wanted = std::min<std::size_t>(bytes.size(), space);
    const u32 taken = wanted == 0 ? 0 : enqueue(room, *tcb, bytes.first(wanted));
    if (taken < bytes.size()) tcb->set(k_write_blocked);
    if (taken < wanted) starve(room, *tcb);  // Writable comes when there is memory
    if (taken == 0) return std::unexpected(space == 0 ? Error::WouldBlock : Error::OutOfMemory);
    want_output(room, *tcb);
    return taken;
}

Result<void> Tcp::send(TcpConnection c, Slice& slice) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (const Error e = send_error(*tcb); e != Error::None) return std::unexpected(e);
    if (slice.size() == 0) return {};
    note_sending(room, *tcb);
    // One slice always finds room in an empty queue, however large it is.
    if (slice.size() > free_room(room, *tcb) && queue_bytes(room, *tcb) != 0) {
        tcb->set(k_write_blocked);
        return std::unexpected(Error::WouldBlock);
    }
    SendQueue* q = send_queue(room, *tcb);
    if (q == nullptr) {
        tcb->set(k_write_blocked);
        starve(room, *tcb);  // Writable comes when there is memory
        return std::unexpected(Error::OutOfMemory);
    }
    Packet packet = std::move(slice).into_packet();
    packet->payload_sum_known = false;
    q->chain.push_back(std::move(packet));
    want_output(room, *tcb);
    return {};
}

void Tcp::prefetch(TcpConnection c) const {
    asm volatile("");  // or GCC takes it for a function without effect and drops the call
    room_->prefetch(Handle<Tcb>(c.index));
}

Result<std::size_t> Tcp::send_urgent(TcpConnection c, std::span<const std::byte> bytes) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (cold(room, *tcb) == nullptr) return std::unexpected(Error::OutOfMemory);
    TERN_TRY(const std::size_t taken, send(c, bytes));
    if (taken == 0) return taken;
    // RFC 6093 4: the pointer names the octet behind the urgent data.
    room.colds[tcb->cold].snd_up = data_end(room, *tcb);
    tcb->set(k_urgent_out);
    // The notice goes out even when the window holds the data back.
    acknowledge(room, *tcb, SendReason::AckUrgent);
    return taken;
}

}  // namespace tern
