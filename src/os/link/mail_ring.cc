#include "os/link/mail_ring.hh"

namespace tern {

namespace {

u16 offset_from(u32 begin, u16 offset) {
    return offset < begin ? u16{0} : static_cast<u16>(offset - begin);
}

}  // namespace

bool MailRing::push(const PacketDescriptor& d) {
    const Record record{.size = d.end - d.begin,
                        .network = offset_from(d.begin, d.network),
                        .transport = offset_from(d.begin, d.transport),
                        .gso_size = d.gso_size,
                        .gso_segments = d.gso_segments,
                        .checksum = d.checksum,
                        .link_broadcast = d.link_broadcast};
    const u32 wanted = room_for(record.size);
    u32 tail = tail_.load(std::memory_order_relaxed);
    const u32 to_end = k_bytes - tail % k_bytes;
    const u32 skipped = wanted > to_end ? to_end : 0;
    if (tail + skipped + wanted - head_seen_ > k_bytes) {
        head_seen_ = head_.load(std::memory_order_acquire);
        if (tail + skipped + wanted - head_seen_ > k_bytes) return false;
    }
    if (skipped != 0) {
        std::memcpy(at(tail), &k_skip, sizeof k_skip);
        tail += skipped;
    }
    std::memcpy(at(tail), &record, sizeof record);
    std::memcpy(at(tail) + sizeof record, d.slot + d.begin, record.size);
    tail_.store(tail + wanted, std::memory_order_release);
    return true;
}

Packet MailRing::pop(PacketPool& pool, u64& lost) {
    u32 head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return {};
    Record record;
    std::memcpy(&record.size, at(head), sizeof record.size);
    if (record.size == k_skip) head += k_bytes - head % k_bytes;
    std::memcpy(&record, at(head), sizeof record);
    Packet p = pool.copy_of({at(head) + sizeof record, record.size});
    if (p) {
        if (record.network != 0) p->network = static_cast<u16>(p->begin + record.network);
        if (record.transport != 0) p->transport = static_cast<u16>(p->begin + record.transport);
        p->gso_size = record.gso_size;
        p->gso_segments = record.gso_segments;
        p->checksum = record.checksum;
        p->link_broadcast = record.link_broadcast;
    } else {
        ++lost;
    }
    head_.store(head + room_for(record.size), std::memory_order_release);
    return p;
}

}  // namespace tern
