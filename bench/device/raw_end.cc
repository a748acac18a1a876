// What the device itself can do: the same frames by bare system calls, without any stack. Frames
// that are written go to another station's address, so that the kernel drops them unread.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/endian.hh"
#include "raw_frame.hh"
#include "world.hh"

namespace tern::bench {

namespace {

constexpr std::size_t k_super = 65'226;  // 45 segments of 1,448 bytes and their headers
constexpr std::size_t k_headers = 14 + 20 + 32;

// <linux/virtio_net.h> has a field named `class`. virtio specification 5.1.6, native byte order.
struct VirtioHeader {
    u8 needs_checksum = 1;
    u8 tcp_over_ipv4 = 1;
    u16 headers = k_headers;
    u16 segment = 1448;
    u16 checksum_from = 34;
    u16 checksum_at = 16;
};

int open_tap(bool offloads) {
    const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    require(fd >= 0, "/dev/net/tun");
    ifreq request{};
    std::strcpy(request.ifr_name, k_tap);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | (offloads ? IFF_VNET_HDR : 0));
    require(::ioctl(fd, TUNSETIFF, &request) == 0, "TUNSETIFF");
    if (offloads)
        require(::ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) == 0, "TUNSETOFFLOAD");
    return fd;
}

// The same calls, handed to the kernel many at a time. Each has a buffer of its own, as a stack's
// packets have.
class CallRing {
public:
    CallRing(int fd, u32 calls, const std::vector<std::byte>& frame)
        : fd_(fd), buffers_(calls, frame) {
        require(::io_uring_queue_init(calls, &ring_, 0) == 0, "io_uring");
    }
    ~CallRing() { ::io_uring_queue_exit(&ring_); }
    CallRing(const CallRing&) = delete;
    CallRing& operator=(const CallRing&) = delete;

    // One call for each buffer; the bytes that they moved.
    u64 round(bool write) {
        for (auto& buffer : buffers_) {
            io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
            const auto size = static_cast<unsigned>(buffer.size());
            if (write)
                ::io_uring_prep_write(entry, fd_, buffer.data(), size, 0);
            else
                ::io_uring_prep_read(entry, fd_, buffer.data(), size, 0);
        }
        const auto calls = static_cast<unsigned>(buffers_.size());
        require(::io_uring_submit_and_wait(&ring_, calls) == static_cast<int>(calls), "submit");
        u64 bytes = 0;
        unsigned head = 0, seen = 0;
        io_uring_cqe* done = nullptr;
        io_uring_for_each_cqe(&ring_, head, done) {
            if (done->res > 0) bytes += static_cast<u64>(done->res);
            ++seen;
        }
        ::io_uring_cq_advance(&ring_, seen);
        return bytes;
    }

private:
    int fd_;
    io_uring ring_{};
    std::vector<std::vector<std::byte>> buffers_;
};

}  // namespace

std::vector<std::byte> raw_frame(bool offloads, const std::array<unsigned char, 6>& mac) {
    const std::size_t header = offloads ? sizeof(VirtioHeader) : 0;
    const std::size_t size = offloads ? k_super : k_frame;
    std::vector<std::byte> bytes(header + size);
    if (offloads) {
        const VirtioHeader h;
        std::memcpy(bytes.data(), &h, sizeof h);
    }
    std::byte* frame = bytes.data() + header;
    std::memcpy(frame, mac.data(), mac.size());
    frame[6] = std::byte{2};
    store16(frame + 12, 0x0800);
    frame[14] = std::byte{0x45};
    store16(frame + 16, static_cast<unsigned>(size - 14));
    frame[22] = std::byte{64};
    frame[23] = std::byte{6};
    store32(frame + 26, k_our_address);
    store32(frame + 30, k_kernel_address);
    store16(frame + 34, k_port);
    store16(frame + 36, k_port);
    frame[46] = std::byte{0x80};
    frame[47] = std::byte{0x10};
    return bytes;
}

Figures measure_raw(const DeviceOptions& o) {
    require(o.question != DeviceOptions::Question::RoundTrip, "bare system calls do not answer");
    enter_namespace();
    const int fd = open_tap(o.offloads);
    configure(std::string{"addr add 10.9.0.1/24 dev "} + k_tap);
    configure(std::string{"link set up dev "} + k_tap);
    Child child(false, [&](Shared& s) { kernel_end(o, s); });
    child.let_go();
    child.await_ready();
    u64 bytes = 0, calls = 0;
    std::vector<std::byte> frame = raw_frame(o.offloads, {2, 0, 0, 0, 0, 9});
    const auto push = [&] {
        const ssize_t n = ::write(fd, frame.data(), frame.size());
        require(n > 0, "write");
        bytes += static_cast<u64>(n);
        ++calls;
    };
    frame.resize(70'000);
    const auto pull = [&] {
        const ssize_t n = ::read(fd, frame.data(), frame.size());
        ++calls;
        if (n > 0) {
            bytes += static_cast<u64>(n);
            return;
        }
        require(errno == EAGAIN, "read");
        pollfd p{fd, POLLIN, 0};
        ::poll(&p, 1, 100);
        ++calls;
    };
    const auto total = [&] { return bytes; };
    const auto system_calls = [&] { return calls; };
    const bool receives = o.question == DeviceOptions::Question::Receive;
    if (o.ring != 0) {
        if (!receives) frame.resize(raw_frame(o.offloads, {}).size());
        CallRing ring(fd, o.ring, frame);
        const auto round = [&] {
            bytes += ring.round(!receives);
            ++calls;
        };
        return measure(o, child, round, total, system_calls);
    }
    if (receives) return measure(o, child, pull, total, system_calls);
    frame.resize(raw_frame(o.offloads, {}).size());
    return measure(o, child, push, total, system_calls);
}

}  // namespace tern::bench
