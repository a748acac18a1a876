#include "core/tcp/receiver/receive_queue.hh"

namespace tern::tcp {

void ReceiveQueue::read(std::span<std::byte> into) {
    while (!into.empty()) {
        const PacketDescriptor* d = text_.front();
        const u32 n = static_cast<u32>(std::min<u64>(into.size(), d->end - d->begin));
        std::memcpy(into.data(), d->slot + d->begin, n);
        text_.trim_front(n);
        into = into.subspan(n);
    }
}

Packet ReceiveQueue::take(u64 most) {
    const u32 size = first_size();
    if (size <= most) return text_.pop_front();
    Packet whole{text_.front()};
    Packet part = whole.share();
    whole.release();
    if (!part) return {};
    part.trim(size - static_cast<u32>(most));
    text_.trim_front(most);
    return part;
}

std::optional<std::byte> ReceiveQueue::byte_at(u64 offset) const {
    for (const PacketDescriptor* d = text_.front(); d != nullptr; d = d->next) {
        const u32 size = d->end - d->begin;
        if (offset < size) return d->slot[d->begin + offset];
        offset -= size;
    }
    return std::nullopt;
}

}  // namespace tern::tcp
