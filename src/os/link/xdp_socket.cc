#include "os/link/xdp_socket.hh"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/socket.h>

#include "core/base/assert.hh"

namespace tern {

void XdpSocket::Unmap::operator()(std::byte* memory) const { ::munmap(memory, bytes); }

XdpSocket::XdpSocket(const XdpSocketOptions& o, std::span<std::byte> memory)
    : frames_(o.frames), frame_bytes_(o.frame_bytes), memory_(memory.data(), Unmap{memory.size()}) {
}

XdpSocket::~XdpSocket() = default;

std::expected<std::unique_ptr<XdpSocket>, XdpSocket::Failure> XdpSocket::open(
    const XdpSocketOptions& o) {
    const std::size_t bytes = std::size_t{2} * o.frames * o.frame_bytes;
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return std::unexpected(Failure{"memory", errno});
    std::unique_ptr<XdpSocket> s{new XdpSocket(o, {static_cast<std::byte*>(memory), bytes})};
    if (const int error = s->register_memory(); error != 0)
        return std::unexpected(Failure{"AF_XDP memory", error});
    if (const int error = s->bind(o.interface, o.queue); error != 0)
        return std::unexpected(Failure{"AF_XDP queue", error});
    return s;
}

int XdpSocket::register_memory() {
    xsk_umem_config config{};
    // The kernel tells of a frame before it tells that it took a buffer for it from the fill ring,
    // so that one looks fuller than it is, by at most all buffers.
    config.fill_size = 2 * frames_;
    config.comp_size = frames_;
    config.frame_size = frame_bytes_;
    xsk_umem* umem = nullptr;
    const int error =
        ::xsk_umem__create(&umem, memory_.get(), memory(), &fill_, &completed_, &config);
    umem_.reset(umem);
    return -error;
}

// The first half of the buffers is for receiving, the second for sending.
int XdpSocket::bind(const std::string& interface, u32 queue) {
    xsk_socket_config config{};
    config.rx_size = config.tx_size = frames_;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = XDP_USE_NEED_WAKEUP;
    xsk_socket* socket = nullptr;
    const int error = ::xsk_socket__create(&socket, interface.c_str(), queue, umem_.get(),
                                           &receive_, &transmit_, &config);
    if (error != 0) return -error;
    socket_.reset(socket);
    give_buffers(frames_, 0);
    for (u64 i = 2 * frames_; i > frames_; --i) free_.push_back((i - 1) * frame_bytes_);
    xdp_options options{};
    socklen_t size = sizeof options;
    zero_copy_ = ::getsockopt(fd(), SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
                 (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
    return 0;
}

void XdpSocket::give_buffers(u32 count, u64 first) {
    u32 at = 0;
    check(::xsk_ring_prod__reserve(&fill_, count, &at) == count);
    for (u32 i = 0; i < count; ++i)
        *::xsk_ring_prod__fill_addr(&fill_, at + i) = first + u64{i} * frame_bytes_;
    ::xsk_ring_prod__submit(&fill_, count);
}

void XdpSocket::receive(PacketPool& pool, PacketBatch& into) {
    u32 from = 0;
    const u32 room = PacketBatch::k_capacity - into.size();
    const u32 count = ::xsk_ring_cons__peek(&receive_, room, &from);
    if (count != 0) take(from, count, pool, into);
    // A driver that ran out of buffers waits to be told that there are some.
    if (!::xsk_ring_prod__needs_wakeup(&fill_)) return;
    ++counters_.system_calls;
    ::recvfrom(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

void XdpSocket::take(u32 from, u32 count, PacketPool& pool, PacketBatch& into) {
    u32 to = 0;
    check(::xsk_ring_prod__reserve(&fill_, count, &to) == count);
    for (u32 i = 0; i < count; ++i) {
        const xdp_desc& frame = *::xsk_ring_cons__rx_desc(&receive_, from + i);
        Packet p = pool.copy_of({memory_.get() + frame.addr, frame.len});
        *::xsk_ring_prod__fill_addr(&fill_, to + i) = frame.addr & ~u64{frame_bytes_ - 1};
        if (!p) {
            ++counters_.receive_refused;
            continue;
        }
        ++counters_.received_packets;
        counters_.received_bytes += frame.len;
        into.push(std::move(p));
    }
    ::xsk_ring_cons__release(&receive_, count);
    ::xsk_ring_prod__submit(&fill_, count);
}

void XdpSocket::take_completed() {
    u32 at = 0;
    const u32 count = ::xsk_ring_cons__peek(&completed_, frames_, &at);
    for (u32 i = 0; i < count; ++i)
        free_.push_back(*::xsk_ring_cons__comp_addr(&completed_, at + i));
    if (count != 0) ::xsk_ring_cons__release(&completed_, count);
}

void XdpSocket::send(std::span<const std::byte> frame) {
    if (frame.size() > longest_frame(frame_bytes_)) {
        ++counters_.too_long;
        return;
    }
    if (free_.empty()) take_completed();
    u32 at = 0;
    if (free_.empty() || ::xsk_ring_prod__reserve(&transmit_, 1, &at) == 0) {
        ++counters_.send_refused;
        return;
    }
    const u64 buffer = free_.back();
    free_.pop_back();
    std::memcpy(memory_.get() + buffer, frame.data(), frame.size());
    xdp_desc& to = *::xsk_ring_prod__tx_desc(&transmit_, at);
    to = {.addr = buffer, .len = static_cast<u32>(frame.size()), .options = 0};
    ::xsk_ring_prod__submit(&transmit_, 1);
    ++counters_.sent_packets;
    counters_.sent_bytes += frame.size();
}

u32 XdpSocket::unsent() { return transmit_.size - ::xsk_prod_nb_free(&transmit_, transmit_.size); }

bool XdpSocket::flush() {
    const bool all = push();
    // At once, so that the next batch lies in the same buffers, which the cache still holds.
    take_completed();
    return all;
}

bool XdpSocket::push() {
    for (u32 before = unsent(); before != 0 && ::xsk_ring_prod__needs_wakeup(&transmit_);) {
        ++counters_.system_calls;
        const bool taken = ::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
        // Nothing helps a device that is down or gone.
        if (!taken && (errno == ENETDOWN || errno == ENXIO)) break;
        // The kernel copies so many frames in a call, and then says EAGAIN.
        const u32 after = unsent();
        if (after == before) return false;
        before = after;
    }
    return true;
}

// What does not fit a buffer, and what found none, is one number of the kernel's; the second of
// them has its own too.
bool XdpSocket::device_gone() const {
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ENETDOWN;
}

LinkCounters XdpSocket::counters() const {
    LinkCounters all = counters_;
    xdp_statistics kernel{};
    socklen_t size = sizeof kernel;
    if (::getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &kernel, &size) != 0) return all;
    const u64 no_buffer = kernel.rx_fill_ring_empty_descs;
    all.device_unread = kernel.rx_ring_full + no_buffer;
    all.too_long += kernel.rx_dropped > no_buffer ? kernel.rx_dropped - no_buffer : 0;
    return all;
}

}  // namespace tern
