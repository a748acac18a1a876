#include "os/link/xdp.hh"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/base/assert.hh"
#include "core/offload/checksum.hh"
#include "core/wire/ethernet.hh"
#include "os/link/xdp_program.hh"
#include "os/link/xdp_socket.hh"

namespace tern {

namespace {

constexpr u32 k_link_header_max = wire::k_ethernet_header + 2 * wire::k_vlan_tag;
// How long to leave a kernel alone that takes no more frames now.
constexpr Duration k_patience = std::chrono::microseconds(50);

// Readable whenever a device of this thread's network namespace has changed, come or gone. An XDP
// socket knows that its device is gone, but does not wake whoever waits for it.
std::expected<Descriptor, OpenError> news_of_devices() {
    Descriptor news{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
    sockaddr_nl groups{};
    groups.nl_family = AF_NETLINK;
    groups.nl_groups = RTMGRP_LINK;
    if (!news || ::bind(news.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0)
        return open_failed("netlink socket", errno, "allow more descriptors with `ulimit -n`");
    return news;
}

// Takes all the news that there are, whatever they say; also those that found no room (ENOBUFS).
bool take_news(int fd) {
    bool any = false;
    char ignored;
    for (;;) {
        if (::recv(fd, &ignored, sizeof ignored, MSG_DONTWAIT) < 0 && errno != ENOBUFS) return any;
        any = true;
    }
}

// The sockets of a link, and the news, as one descriptor.
std::expected<Descriptor, OpenError> joined(const std::vector<std::unique_ptr<XdpSocket>>& sockets,
                                            int news) {
    Descriptor all{::epoll_create1(EPOLL_CLOEXEC)};
    std::vector<int> parts{news};
    for (const auto& socket : sockets) parts.push_back(socket->fd());
    for (const int part : parts) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (!all || ::epoll_ctl(all.get(), EPOLL_CTL_ADD, part, &event) != 0)
            return open_failed("waiting for the queues of a device", errno,
                               "allow more descriptors with `ulimit -n`");
    }
    return all;
}

// Aligned, so that shards' queues share no cache line.
class alignas(64) XdpLink final : public Link {
public:
    using Sockets = std::vector<std::unique_ptr<XdpSocket>>;
    XdpLink(LinkFacts facts, Sockets sockets, Descriptor news, Descriptor joined,
            std::shared_ptr<XdpProgram> program, bool kernel_peer)
        : facts_(std::move(facts)), kernel_peer_(kernel_peer), sockets_(std::move(sockets)),
          news_(std::move(news)), joined_(std::move(joined)), program_(std::move(program)) {}

    const LinkFacts& facts() const override { return facts_; }
    int fd() const override { return joined_.get(); }
    bool gone() override;
    Instant next_deadline() const override { return retry_at_; }
    void receive(Instant now, PacketPool& pool, PacketBatch& into) override;
    void transmit(Instant now, PacketBatch&& batch) override;
    LinkCounters counters() const override;

private:
    void flush(Instant now);

    LinkFacts facts_;
    bool kernel_peer_;  // what arrives may come from a stack of this kernel, its sums unfinished
    Instant retry_at_ = Instant::max();
    u32 first_ = 0;    // to be read first, by turns
    u64 refused_ = 0;  // no memory to finish their sums in
    bool gone_ = false;
    Sockets sockets_;
    Descriptor news_;
    Descriptor joined_;
    std::shared_ptr<XdpProgram> program_;  // the first to die: nothing is redirected any more
};

void XdpLink::receive(Instant now, PacketPool& pool, PacketBatch& into) {
    if (retry_at_ <= now) flush(now);
    const u32 before = into.size(), count = static_cast<u32>(sockets_.size());
    for (u32 i = 0; i < count && !into.full(); ++i)
        sockets_[(first_ + i) % count]->receive(pool, into);
    first_ = (first_ + 1) % count;
    if (!kernel_peer_) return;
    for (u32 i = before; i < into.size(); ++i)
        offload::recognise_unfinished_sum(*into.peek(i), facts_.medium);
}

// Only after news, so that a ready descriptor costs one call.
bool XdpLink::gone() {
    if (!gone_ && take_news(news_.get())) gone_ = sockets_.front()->device_gone();
    return gone_;
}

// A frame reaches the same receiver by whichever queue it leaves.
void XdpLink::transmit(Instant now, PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i) {
        Packet p = batch.take(i);
        if (!p) continue;
        check(p->gso_segments <= 1);
        // One that came like this goes on its way.
        if (p->checksum == ChecksumState::Partial &&
            !offload::complete_checksum(p, facts_.medium)) {
            ++refused_;
            continue;
        }
        sockets_.front()->send(p.bytes());
    }
    batch.clear();
    flush(now);
}

void XdpLink::flush(Instant now) {
    retry_at_ = sockets_.front()->flush() ? Instant::max() : now + k_patience;
}

LinkCounters XdpLink::counters() const {
    LinkCounters all;
    all.send_refused = refused_;
    for (const auto& socket : sockets_) {
        const LinkCounters one = socket->counters();
        all.received_packets += one.received_packets;
        all.received_bytes += one.received_bytes;
        all.sent_packets += one.sent_packets;
        all.sent_bytes += one.sent_bytes;
        all.receive_refused += one.receive_refused;
        all.send_refused += one.send_refused;
        all.device_unread += one.device_unread;
        all.too_long += one.too_long;
        all.system_calls += one.system_calls;
    }
    return all;
}

// ---- the device ----

struct Device {
    unsigned index = 0;
    u32 mtu = 0;
    MacAddress mac{};
    u32 queues = 1;
    bool kernel_peer = false;
};

// "interface veth0"
std::string named(const XdpOptions& o) { return "interface " + o.name; }

bool ask_ethtool(int control, ifreq request, void* question) {
    request.ifr_data = static_cast<char*>(question);
    return ::ioctl(control, SIOCETHTOOL, &request) == 0;
}

u32 receive_queues(int control, const ifreq& request) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (!ask_ethtool(control, request, &channels)) return 1;
    return std::max(channels.rx_count + channels.combined_count, 1u);
}

// At the other end of a veth is a stack of this kernel, which leaves sums to a device that makes
// none.
bool is_veth(int control, const ifreq& request) {
    ethtool_drvinfo driver{};
    driver.cmd = ETHTOOL_GDRVINFO;
    return ask_ethtool(control, request, &driver) && std::strcmp(driver.driver, "veth") == 0;
}

std::expected<Device, OpenError> look_at(const XdpOptions& o) {
    if (auto valid = validate_name(o.name); !valid) return std::unexpected(valid.error());
    Device d{.index = ::if_nametoindex(o.name.c_str())};
    if (d.index == 0) {
        return open_failed(named(o), ENODEV,
                           "AF_XDP takes a device that is there: `ip link` lists them, and `ip "
                           "link add veth0 type veth peer name veth1` makes a pair");
    }
    const Descriptor control = control_socket();
    ifreq request = request_for(o.name);
    if (::ioctl(control.get(), SIOCGIFHWADDR, &request) != 0 ||
        request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        return open_refused(Error::InvalidArgument,
                            named(o) + " is no Ethernet: name another, or a TUN as tun:NAME");
    }
    std::memcpy(d.mac.bytes.data(), request.ifr_hwaddr.sa_data, d.mac.bytes.size());
    if (::ioctl(control.get(), SIOCGIFFLAGS, &request) != 0)
        return open_failed(named(o), errno, "");
    if ((request.ifr_flags & IFF_UP) == 0) {
        return open_refused(Error::InvalidArgument,
                            named(o) + " is down: `ip link set " + o.name + " up`");
    }
    if (::ioctl(control.get(), SIOCGIFMTU, &request) != 0) return open_failed(named(o), errno, "");
    d.mtu = static_cast<u32>(request.ifr_mtu);
    d.queues = receive_queues(control.get(), request);
    d.kernel_peer = is_veth(control.get(), request);
    return d;
}

// ---- its queues ----

std::string plural(u32 n, const std::string& what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

// The queues of one link.
std::vector<u32> queues_of(const XdpOptions& o, const Device& d, u32 link) {
    if (o.queue) return {*o.queue + link};
    std::vector<u32> queues;
    for (u32 queue = link; queue < d.queues; queue += o.links) queues.push_back(queue);
    return queues;
}

std::expected<void, OpenError> check_queues(const XdpOptions& o, const Device& d) {
    const u64 needed = u64{o.queue.value_or(0)} + o.links;
    if (needed <= d.queues) return {};
    const std::string has = named(o) + " has " + plural(d.queues, "receive queue");
    if (o.links > 1) {
        return open_refused(Error::InvalidArgument, has + ", and " + std::to_string(o.links) +
                                                        " shards need one each: `ethtool -L " +
                                                        o.name + " rx " + std::to_string(needed) +
                                                        "` (or combined), or fewer shards");
    }
    return open_refused(Error::InvalidArgument, has + ", counted from 0: queue " +
                                                    std::to_string(*o.queue) + " is not there");
}

u32 frame_bytes_for(u32 mtu) {
    for (const u32 bytes : {2048u, 4096u})
        if (mtu + k_link_header_max <= XdpSocket::longest_frame(bytes)) return bytes;
    return 0;
}

u32 frames_for(u64 memory, u32 frame_bytes) {
    constexpr u64 k_least = 64, k_most = 1024;
    return static_cast<u32>(
        std::bit_floor(std::clamp(memory / (2 * u64{frame_bytes}), k_least, k_most)));
}

std::string_view remedy_for(int number) {
    switch (number) {
        case EPERM:
        case EACCES:
            return "AF_XDP needs root (CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF of the machine; "
                   "`unshare -r` does not give them); or take a TAP, which does not";
        case EAFNOSUPPORT:
            return "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): take a TAP, as tap:NAME";
        case EBUSY:
        case EEXIST:
            return "another program has XDP on it: `ip link show` tells which, and `ip link set "
                   "dev NAME xdp off` detaches what no program holds";
        case ENOBUFS: return "more locked memory is needed: `ulimit -l unlimited`, or run as root";
        case ERANGE:
            return "XDP wants a page for each frame: `ip link set mtu 1500` here and at the other "
                   "end";
        case ENOSPC:
            return "the other end has more transmit queues than this one receive queues: make "
                   "them equal with `ethtool -L`";
        case EOPNOTSUPP: return "this kind of device has no XDP";
        case EINVAL: return "Linux 5.9 and later are known to do this";
        default: return "";
    }
}

using Sockets = XdpLink::Sockets;

// The kernel lets go of a queue a moment after its last socket was closed.
auto open_when_free(const XdpSocketOptions& o) {
    constexpr int k_most_ms = 1000, k_step_ms = 5;
    auto socket = XdpSocket::open(o);
    for (int ms = 0; ms < k_most_ms && !socket && socket.error().number == EBUSY; ms += k_step_ms) {
        ::poll(nullptr, 0, k_step_ms);
        socket = XdpSocket::open(o);
    }
    return socket;
}

std::expected<Sockets, OpenError> open_sockets(const XdpOptions& o, const std::vector<u32>& queues,
                                               u32 frame_bytes, XdpProgram& program) {
    Sockets sockets;
    for (const u32 queue : queues) {
        auto socket = open_when_free({.interface = o.name,
                                      .queue = queue,
                                      .frames = frames_for(o.memory, frame_bytes),
                                      .frame_bytes = frame_bytes});
        if (!socket) {
            const auto [step, number] = socket.error();
            return open_failed(named(o) + ", " + step + " " + std::to_string(queue), number,
                               remedy_for(number));
        }
        if (const int error = program.add_socket(queue, (*socket)->fd()); error != 0)
            return open_failed(named(o) + ", XDP program", error, remedy_for(error));
        sockets.push_back(std::move(*socket));
    }
    return sockets;
}

std::string details(const std::vector<u32>& queues, const XdpProgram& program, bool zero_copy) {
    std::string text = queues.size() == 1 ? "queue " : "queues ";
    for (const u32 queue : queues) text += (queue == queues[0] ? "" : ", ") + std::to_string(queue);
    text += program.in_driver() ? ", native XDP" : ", generic XDP";
    return text + (zero_copy ? ", zero-copy" : ", copy mode");
}

std::expected<std::unique_ptr<Link>, OpenError> link_of(const XdpOptions& o, const Device& d,
                                                        const std::vector<u32>& queues,
                                                        Sockets sockets,
                                                        std::shared_ptr<XdpProgram> program) {
    auto news = news_of_devices();
    if (!news) return std::unexpected(std::move(news.error()));
    // It may have gone before anybody listened.
    if (sockets.front()->device_gone()) return open_failed(named(o), ENODEV, "");
    auto together = joined(sockets, news->get());
    if (!together) return std::unexpected(std::move(together.error()));
    const bool zero_copy =
        std::ranges::all_of(sockets, [](const auto& socket) { return socket->zero_copy(); });
    u64 memory = 0;
    for (const auto& socket : sockets) memory += socket->memory();
    LinkFacts facts{.name = "xdp:" + o.name,
                    .details = details(queues, *program, zero_copy),
                    .mac = o.mac.is_zero() ? d.mac : o.mac,
                    .mtu = std::min(o.mtu, d.mtu),
                    .vlan = o.vlan,
                    .memory = memory};
    return std::make_unique<XdpLink>(std::move(facts), std::move(sockets), std::move(*news),
                                     std::move(*together), std::move(program), d.kernel_peer);
}

}  // namespace

std::expected<std::vector<std::unique_ptr<Link>>, OpenError> open_xdp(const XdpOptions& o) {
    NamespaceVisit visit;
    if (auto there = visit.enter(o.network_namespace); !there)
        return std::unexpected(there.error());
    const auto device = look_at(o);
    if (!device) return std::unexpected(device.error());
    if (auto enough = check_queues(o, *device); !enough) return std::unexpected(enough.error());
    const u32 frame_bytes = frame_bytes_for(device->mtu);
    if (frame_bytes == 0) {
        return open_refused(Error::InvalidArgument,
                            named(o) + ": an MTU of " + std::to_string(device->mtu) +
                                " is too large for AF_XDP: `ip link set " + o.name + " mtu 1500`");
    }
    if (const Descriptor any{::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)}; !any)
        return open_failed("AF_XDP socket", errno, remedy_for(errno));
    auto loaded = XdpProgram::load(device->queues);
    if (!loaded)
        return open_failed(named(o) + ", XDP program", loaded.error(), remedy_for(loaded.error()));
    const auto program = std::make_shared<XdpProgram>(std::move(*loaded));
    if (const int error = program->attach(device->index); error != 0)
        return open_failed(named(o) + ", XDP program", error, remedy_for(error));
    std::vector<Sockets> sockets;
    for (u32 i = 0; i < o.links; ++i) {
        auto opened = open_sockets(o, queues_of(o, *device, i), frame_bytes, *program);
        if (!opened) return std::unexpected(opened.error());
        sockets.push_back(std::move(*opened));
    }
    wait_until_running(o.name);
    std::vector<std::unique_ptr<Link>> links;
    for (u32 i = 0; i < o.links; ++i) {
        auto link = link_of(o, *device, queues_of(o, *device, i), std::move(sockets[i]), program);
        if (!link) return std::unexpected(std::move(link.error()));
        links.push_back(std::move(*link));
    }
    return links;
}

}  // namespace tern
