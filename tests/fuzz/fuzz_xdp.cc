// A frame from an AF_XDP queue, behind which a stack of this kernel may have left its checksum
// unfinished: whatever lies in it, it can be passed on to a TAP with offloads and to another queue.
#include <vector>

#include "core/offload/checksum.hh"
#include "fuzz/fuzz.hh"
#include "os/link/virtio_header.hh"

using namespace tern;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    if (size == 0 || size > 9000) return 0;
    static MemoryBudget budget(u64{4} << 20);
    static PacketPool pool(budget);
    const auto bytes = fuzz::bytes_of(data, size);
    Packet p = pool.copy_of(bytes);
    fuzz::require(static_cast<bool>(p));
    offload::recognise_unfinished_sum(*p, Medium::Ethernet);
    std::byte header[k_virtio_header_max] = {};
    write_virtio_header(header, *p, Medium::Ethernet);
    const bool unfinished = p->checksum == ChecksumState::Partial;
    fuzz::require(offload::complete_checksum(p, Medium::Ethernet));
    fuzz::require(p->checksum == ChecksumState::Unknown && p.size() == size);
    // At most the two bytes of the checksum have changed.
    u32 changed = 0;
    for (u32 i = 0; i < size; ++i) changed += p.data()[i] != bytes[i];
    fuzz::require(changed <= (unfinished ? 2u : 0u));
    return 0;
}
