// The life of a TUN/TAP descriptor: see Linux Documentation/networking/tuntap.rst, and the
// virtio specification 5.1.6 for the header in front of each frame.
#include "os/link/tun_tap.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "core/base/assert.hh"
#include "core/offload/cut.hh"
#include "core/offload/join.hh"
#include "core/packet/copy.hh"
#include "core/wire/udp.hh"
#include "os/link/device_setup.hh"
#include "os/link/virtio_header.hh"

namespace tern {

namespace {

constexpr u32 k_link_header_max = 18;  // Ethernet with one 802.1Q tag
constexpr u32 k_frame_max = 65535 + k_link_header_max;
static_assert(k_frame_max <= PacketPool::k_payload_super);

// One call stops after this much, though more waits: slots are used again while the cache holds
// them. Reading 64 super-segments in a row costs nearly twice as much per byte.
constexpr u32 k_bytes_per_call = 128 * 1024;

u8 slot_class(u32 size) {
    return size <= PacketPool::k_payload_small ? 0 : size <= PacketPool::k_payload_jumbo ? 1 : 2;
}

// What the kernel's end has dropped: its transmit queue is what we read. Opened in the interface's
// namespace, read from anywhere.
class DeviceDrops {
public:
    explicit DeviceDrops(const std::string& name)
        : fd_(::open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC)), label_(name + ":"),
          at_open_(read()) {}
    // Since it was opened; nothing once the interface is gone.
    void add_to(LinkCounters& counters) const {
        const Drops all = read();
        counters.device_unread = std::max(all.transmit, at_open_.transmit) - at_open_.transmit;
        counters.device_untaken = std::max(all.receive, at_open_.receive) - at_open_.receive;
    }

private:
    struct Drops {
        u64 receive = 0, transmit = 0;
    };
    Drops read() const;

    Descriptor fd_;
    std::string label_;
    Drops at_open_;
};

// A line is "tap0:" and 16 numbers, eight for receiving and eight for transmitting; the fourth of
// each are drops.
DeviceDrops::Drops DeviceDrops::read() const {
    std::string text;
    std::array<char, 4096> part{};
    i64 n = 0;
    do {
        n = ::pread(fd_.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
        if (n > 0) text.append(part.data(), static_cast<std::size_t>(n));
    } while (n > 0);
    std::istringstream words{text};
    for (std::string word; words >> word;) {
        if (word != label_) continue;
        std::array<u64, 12> numbers{};
        for (u64& number : numbers) words >> number;
        return {.receive = numbers[3], .transmit = numbers[11]};
    }
    return {};
}

// Aligned, so that shards' queues share no cache line.
class alignas(64) TunTap final : public Link {
public:
    TunTap(Descriptor fd, LinkFacts facts, const TapOptions& options, bool datagrams,
           DeviceDrops drops)
        : fd_(std::move(fd)), drops_(std::move(drops)), facts_(std::move(facts)),
          header_size_(options.vnet_hdr ? options.vnet_hdr_size : 0), datagrams_(datagrams),
          read_size_(options.offloads ? k_frame_max : options.mtu + k_link_header_max) {}

    const LinkFacts& facts() const override { return facts_; }
    LinkCounters counters() const override {
        LinkCounters all = counters_;
        drops_.add_to(all);
        return all;
    }
    int fd() const override { return fd_.get(); }
    Instant next_deadline() const override { return cut_.empty() ? Instant::max() : Instant{}; }
    void receive(Instant, PacketPool& pool, PacketBatch& into) override;
    void transmit(Instant, PacketBatch&& batch) override;

private:
    i64 read_frame(std::byte* at, u32 room);
    bool discard_frame();
    Packet read_packet(PacketPool& pool, bool& dry);
    bool write_packet(Packet& p);
    void take(Packet p, PacketBatch& into);
    void take_cut(PacketBatch& into);
    u32 write_datagrams(PacketBatch& batch, u32 first);

    Descriptor fd_;
    DeviceDrops drops_;
    LinkFacts facts_;
    u32 header_size_;
    bool datagrams_;  // the kernel knows UDP super-datagrams
    u32 read_size_;
    Chain cut_;  // of one of these; what the last batch had no room for
    LinkCounters counters_;
};

// Bytes read into at[0..room), or -1: nothing waits. The header goes in front of them.
i64 TunTap::read_frame(std::byte* at, u32 room) {
    ++counters_.system_calls;
    return ::read(fd_.get(), at, room);
}

// Memory is short: the frame is lost, as in a network card without buffers. Leaving it with the
// kernel would keep the descriptor readable and the caller spinning.
bool TunTap::discard_frame() {
    std::byte scratch[16];
    if (read_frame(scratch, sizeof scratch) < 0) return false;
    ++counters_.receive_refused;
    return true;
}

// One frame. `dry` tells that nothing waits; an empty packet with more waiting was refused.
Packet TunTap::read_packet(PacketPool& pool, bool& dry) {
    Packet p = pool.allocate(read_size_);
    if (!p && read_size_ > PacketPool::k_payload_small) {
        p = pool.allocate(PacketPool::k_payload_small);  // enough for acknowledgements
    }
    if (!p) {
        dry = !discard_frame();
        return {};
    }
    const u32 room = p.tailroom();
    // The header lands in the headroom, so that one plain read() does for both.
    const i64 n = read_frame(p.data() - header_size_, header_size_ + room);
    dry = n < 0;
    if (n <= i64{header_size_}) return {};
    const u32 size = static_cast<u32>(n) - header_size_;
    if (size == room) {  // the kernel cuts what does not fit and says nothing
        ++counters_.receive_refused;
        return {};
    }
    p.append(size);
    if (header_size_ != 0) read_virtio_header(p.data() - header_size_, p, facts_.medium);
    if (slot_class(size) < p->size_class) {
        // A small frame must not pin a large slot: its reader may keep it for long.
        if (Packet small = copy_with_facts(pool, *p)) return small;
    }
    return p;
}

void TunTap::take_cut(PacketBatch& into) {
    while (!cut_.empty() && !into.full()) {
        into.push(cut_.pop_front());
        ++counters_.received_packets;
    }
}

void TunTap::take(Packet p, PacketBatch& into) {
    counters_.received_bytes += p.size();
    if (offload::is_super_datagram(p, facts_.medium)) {
        counters_.receive_refused += offload::cut_datagrams(p, facts_.medium, cut_);
        take_cut(into);
        return;
    }
    if (p->gso_segments > 1 && !facts_.segmentation) {
        counters_.receive_refused += offload::cut_segments(std::move(p), facts_.medium, cut_);
        take_cut(into);
        return;
    }
    ++counters_.received_packets;
    into.push(std::move(p));
}

void TunTap::receive(Instant, PacketPool& pool, PacketBatch& into) {
    take_cut(into);
    bool dry = false;
    // Refused frames count as well, so that one call cannot go on for ever.
    u32 bytes = 0;
    for (u32 left = PacketBatch::k_capacity - into.size();
         left > 0 && !into.full() && !dry && bytes < k_bytes_per_call; --left) {
        Packet p = read_packet(pool, dry);
        if (!p) continue;
        bytes += p.size();
        take(std::move(p), into);
    }
}

bool TunTap::write_packet(Packet& p) {
    ++counters_.system_calls;
    if (header_size_ == 0) {
        check(p->checksum != ChecksumState::Partial && p->gso_segments <= 1);
        return ::write(fd_.get(), p.data(), p.size()) >= 0;
    }
    // The header is not put into the headroom: others may view these bytes of the slot.
    std::byte header[k_virtio_header_max] = {};
    check(facts_.transmit_checksum || p->checksum != ChecksumState::Partial);
    check(facts_.segmentation || p->gso_segments <= 1);
    write_virtio_header(header, *p, facts_.medium);
    const iovec parts[2] = {{header, header_size_}, {p.data(), p.size()}};
    return ::writev(fd_.get(), parts, 2) >= 0;
}

// Datagrams that could leave together do; returns how many left, 0: the first is no such one.
u32 TunTap::write_datagrams(PacketBatch& batch, u32 first) {
    const u32 n = datagrams_ ? offload::datagrams_together(batch, first, facts_.medium) : 1;
    if (n <= 1) return 0;
    const PacketDescriptor& head = *batch.peek(first);
    const u32 transport = head.transport - head.begin;
    const u32 headers = transport + wire::k_udp_header;
    std::byte virtio[k_virtio_header_max] = {};
    std::byte joined[offload::k_datagram_headers_most];
    iovec parts[2 + offload::k_datagrams_most];
    u32 payload = 0;
    for (u32 i = 0; i < n; ++i) {
        const PacketDescriptor& d = *batch.peek(first + i);
        parts[2 + i] = {d.slot + d.begin + headers, d.end - d.begin - headers};
        payload += d.end - d.begin - headers;
    }
    write_datagrams_header(virtio, transport, head.end - head.begin - headers);
    parts[0] = {virtio, header_size_};
    parts[1] = {joined, offload::join_headers(head, payload, facts_.medium, joined)};
    ++counters_.system_calls;
    if (::writev(fd_.get(), parts, static_cast<int>(2 + n)) >= 0) {
        counters_.sent_packets += n;
        counters_.sent_bytes += n * headers + payload;
    } else {
        counters_.send_refused += n;
    }
    for (u32 i = 0; i < n; ++i) batch.take(first + i);
    return n;
}

void TunTap::transmit(Instant, PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i) {
        if (const u32 n = write_datagrams(batch, i); n != 0) {
            i += n - 1;
            continue;
        }
        Packet p = batch.take(i);
        if (!p) continue;
        if (!write_packet(p)) {
            ++counters_.send_refused;
            continue;
        }
        ++counters_.sent_packets;
        counters_.sent_bytes += p.size();
    }
    batch.clear();
}

std::string_view remedy_for_device(int number) {
    switch (number) {
        case EPERM:
        case EACCES:
            return "run as root, or inside `unshare -rn`, or try `tern demo wire` (no kernel "
                   "needed)";
        case ENOENT:
        case ENODEV:
        case ENXIO:
            return "the kernel has no TUN/TAP driver: try `modprobe tun`, start the container with "
                   "--device /dev/net/tun, or try `tern demo wire` (no kernel needed)";
        default: return "";
    }
}

std::string_view remedy_for_attach(int number) {
    switch (number) {
        case EPERM:
            return "making an interface needs CAP_NET_ADMIN: run as root, or inside `unshare -rn`, "
                   "or have root make it with `ip tuntap add ... user $USER`";
        case EBUSY: return "another program holds this interface; choose another name";
        case EINVAL:
            return "an interface of this name exists and is of another kind (TUN or TAP, "
                   "multi-queue "
                   "or not); choose another name or remove it with `ip link del`";
        default: return "";
    }
}

std::expected<void, OpenError> validate(const TapOptions& o) {
    if (auto valid = validate_name(o.name); !valid) return valid;
    if (o.offloads && !o.vnet_hdr) {
        return open_refused(Error::InvalidArgument,
                            "TAP offloads need the virtio-net header (vnet_hdr)");
    }
    if (o.vnet_hdr && o.vnet_hdr_size != 10 && o.vnet_hdr_size != 12) {
        return open_refused(Error::InvalidArgument, "the virtio-net header has 10 or 12 bytes");
    }
    if (o.mtu < 68 || o.mtu > 65535) {
        return open_refused(Error::InvalidArgument, "MTU must lie between 68 and 65535");
    }
    if (o.vlan > 4094) return open_refused(Error::InvalidArgument, "a VLAN id is at most 4094");
    if (o.vlan != 0 && o.medium != Medium::Ethernet) {
        return open_refused(Error::InvalidArgument,
                            "a VLAN needs a TAP, a TUN has no Ethernet header");
    }
    return {};
}

// Creates the interface, or attaches to the persistent one of this name. Returns its name.
std::expected<std::string, OpenError> attach(int fd, const TapOptions& o) {
    ifreq request = request_for(o.name);
    const int kind = o.medium == Medium::Ethernet ? IFF_TAP : IFF_TUN;
    const int flags =
        kind | IFF_NO_PI | (o.vnet_hdr ? IFF_VNET_HDR : 0) | (o.multi_queue ? IFF_MULTI_QUEUE : 0);
    request.ifr_flags = static_cast<short>(flags);
    if (::ioctl(fd, TUNSETIFF, &request) != 0) {
        return open_failed("interface " + o.name, errno, remedy_for_attach(errno));
    }
    return std::string{request.ifr_name};
}

// Of Linux 6.2, and of headers that may be older.
constexpr unsigned long k_uso4 = 0x20, k_uso6 = 0x40;

// True: with UDP super-datagrams, both ways. They come for both IP versions or not at all.
std::expected<bool, OpenError> set_offloads(int fd, const TapOptions& o) {
    int size = static_cast<int>(o.vnet_hdr_size);
    if (o.vnet_hdr && ::ioctl(fd, TUNSETVNETHDRSZ, &size) != 0)
        return open_failed("TUNSETVNETHDRSZ", errno, "");
    unsigned long bits = 0;  // a persistent interface remembers its last user's
    if (o.offloads) bits = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | (o.tso6 ? TUN_F_TSO6 : 0u);
    if (o.offloads && ::ioctl(fd, TUNSETOFFLOAD, bits | k_uso4 | k_uso6) == 0) return true;
    if (::ioctl(fd, TUNSETOFFLOAD, bits) != 0) {
        return open_failed("TUNSETOFFLOAD", errno, "open without offloads");
    }
    return false;
}

// A locally administered address that differs from the kernel end's and stays the same for as
// long as the interface lives.
MacAddress mac_for(int fd, const TapOptions& o) {
    if (o.medium != Medium::Ethernet || !o.mac.is_zero()) return o.mac;
    MacAddress mac{{0x02, 0, 0, 0, 0, 0x01}};
    ifreq request{};
    if (::ioctl(fd, SIOCGIFHWADDR, &request) == 0) {
        std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
        mac.bytes[0] = static_cast<u8>(((mac.bytes[0] ^ 4) | 2) & ~1);
    }
    return mac;
}

}  // namespace

std::expected<std::unique_ptr<Link>, OpenError> open_tap(const TapOptions& options) {
    if (auto valid = validate(options); !valid) return std::unexpected(valid.error());
    NamespaceVisit visit;
    if (auto there = visit.enter(options.network_namespace); !there) {
        return std::unexpected(there.error());
    }
    Descriptor fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return open_failed("/dev/net/tun", errno, remedy_for_device(errno));
    const bool made = ::if_nametoindex(options.name.c_str()) == 0;
    auto name = attach(fd.get(), options);
    if (!name) return std::unexpected(name.error());
    const auto datagrams = set_offloads(fd.get(), options);
    if (!datagrams) return std::unexpected(datagrams.error());
    if (options.bring_up || (options.bring_up_new && made)) {
        if (auto up = set_up(*name, options.mtu); !up) {
            return open_refused(up.error(),
                                "interface " + *name + ": cannot set its MTU or bring it up");
        }
    }
    wait_until_running(*name);
    LinkFacts facts{.name = (options.medium == Medium::Ethernet ? "tap:" : "tun:") + *name,
                    .medium = options.medium,
                    .mac = mac_for(fd.get(), options),
                    .mtu = options.mtu,
                    .transmit_checksum = options.offloads,
                    .segmentation = options.offloads,
                    .vlan = options.vlan};
    return std::make_unique<TunTap>(std::move(fd), std::move(facts), options, *datagrams,
                                    DeviceDrops{*name});
}

Result<void> set_up(const std::string& name, u32 mtu) {
    if (name.size() >= IFNAMSIZ) return std::unexpected(Error::InvalidArgument);
    const Descriptor control = control_socket();
    if (!control) return std::unexpected(error_of(errno));
    ifreq request = request_for(name);
    request.ifr_mtu = static_cast<int>(mtu);
    if (::ioctl(control.get(), SIOCSIFMTU, &request) != 0) return std::unexpected(error_of(errno));
    if (::ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) {
        return std::unexpected(error_of(errno));
    }
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (::ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) {
        return std::unexpected(error_of(errno));
    }
    return {};
}

}  // namespace tern
