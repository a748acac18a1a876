// What connections to a host leave to the next ones: a small table by a keyed hash, in which a
// newer host takes the place of an older one, and whose warnings end by themselves.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

u64 slot_of(const Room& room, const IpAddress& address) {
    u64 words[2];
    std::memcpy(words, address.bytes.data(), sizeof words);
    return siphash13(room.table_key, words[0], words[1]) % room.host_slots.size();
}

}  // namespace

u32 second_after(const Room& room, Duration d) {
    return room.now_second() + static_cast<u32>(std::chrono::ceil<std::chrono::seconds>(d).count());
}

const KnownHost* known_host(const Room& room, const IpAddress& address) {
    const Handle<KnownHost> i = room.host_slots[slot_of(room, address)];
    return i != 0 && room.hosts[i].address == address ? &room.hosts[i] : nullptr;
}

KnownHost* remember_host(Room& room, const IpAddress& address) {
    Handle<KnownHost>& slot = room.host_slots[slot_of(room, address)];
    if (slot == 0) slot = room.hosts.allocate();
    if (slot == 0) return nullptr;
    KnownHost& h = room.hosts[slot];
    if (h.address != address) h = {.address = address};
    return &h;
}

}  // namespace tern::tcp
