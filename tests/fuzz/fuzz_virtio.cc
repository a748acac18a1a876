// The virtio-net header in front of a frame from a TAP or a TUN: whatever it claims, the facts that
// a packet takes from it lie within the packet and agree with its headers, and it can be passed on
// to a link that takes such facts and to one that does not.
#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "fuzz/fuzz.hh"
#include "os/link/virtio_header.hh"

using namespace tern;

namespace {

void cut_into_datagrams(const Packet& p, Medium medium) {
    Chain datagrams;
    const u32 lost = offload::cut_datagrams(p, medium, datagrams);
    const u32 payload = p->end - p->transport - 8u;
    fuzz::require(datagrams.count() + lost == (payload + p->gso_size - 1) / p->gso_size);
    while (!datagrams.empty()) {
        Packet one = datagrams.pop_front();
        fuzz::require(one.size() <= p.size());
        fuzz::require(offload::complete_checksum(one, medium));
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    constexpr std::size_t k_header = 10;
    if (size <= k_header + 1 || size > 60'000) return 0;
    static MemoryBudget budget(u64{16} << 20);
    static PacketPool pool(budget);
    const auto bytes = fuzz::bytes_of(data, size);
    const Medium medium = (data[0] & 1) == 0 ? Medium::Ethernet : Medium::Ip;
    const auto frame = bytes.subspan(1 + k_header);
    Packet p = pool.copy_of(frame);
    fuzz::require(static_cast<bool>(p));
    read_virtio_header(bytes.data() + 1, p, medium);
    if (p->checksum == ChecksumState::Partial) {
        const auto place = offload::checksum_place(p.bytes(), medium);
        fuzz::require(place && p->begin + place->transport == p->transport);
        fuzz::require(place->transport + place->field + 2 <= p.size());
    }
    if (p->gso_size != 0) {
        fuzz::require(p->checksum == ChecksumState::Partial && p->gso_segments > 0);
        fuzz::require(p->transport + 8u < p->end);
    }
    std::byte out[k_virtio_header_max] = {};
    write_virtio_header(out, *p, medium);
    if (offload::is_super_datagram(p, medium)) cut_into_datagrams(p, medium);
    if (p->gso_segments > 1) return 0;
    fuzz::require(offload::complete_checksum(p, medium));
    fuzz::require(p->checksum != ChecksumState::Partial);
    return 0;
}
