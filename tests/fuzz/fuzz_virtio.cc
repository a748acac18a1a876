// The virtio-net header in front of a frame from a TAP: whatever it claims, the facts that a packet
// takes from it lie within the packet.
#include "fuzz/fuzz.hh"
#include "os/link/datagrams.hh"
#include "os/link/virtio_header.hh"

using namespace tern;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    constexpr std::size_t k_header = 10;
    if (size <= k_header || size > 60'000) return 0;
    static MemoryBudget budget(u64{16} << 20);
    static PacketPool pool(budget);
    const auto bytes = fuzz::bytes_of(data, size);
    Packet p = pool.copy_of(bytes.subspan(k_header));
    fuzz::require(static_cast<bool>(p));
    read_virtio_header(bytes.data(), p);
    if (p->checksum == ChecksumState::Partial)
        fuzz::require(p->transport >= p->begin && p->transport + 2u <= p->end);
    if (p->gso_size == 0) return 0;
    fuzz::require(p->checksum == ChecksumState::Partial && p->gso_segments > 0);
    fuzz::require(p->transport + 8u < p->end);
    if (!is_super_datagram(p, true)) return 0;
    Chain datagrams;
    const u32 lost = cut_datagrams(p, true, datagrams);
    const u32 payload = p->end - p->transport - 8u;
    fuzz::require(datagrams.count() + lost == (payload + p->gso_size - 1) / p->gso_size);
    fuzz::require(lost == 0 && datagrams.back()->end - datagrams.back()->begin <= p.size());
    return 0;
}
