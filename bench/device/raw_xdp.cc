// What AF_XDP itself can do on a veth: the same frames through bare rings, without any stack and
// without a copy of ours. Frames that are written go to another station's address.
#include <array>
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "os/link/xdp_program.hh"
#include "raw_frame.hh"
#include "world.hh"

namespace tern::bench {

namespace {

constexpr u32 k_frames = 1024, k_frame_bytes = 2048, k_batch = 64;

class Rings {
public:
    Rings() {
        const std::size_t bytes = std::size_t{2} * k_frames * k_frame_bytes;
        void* memory =
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        require(memory != MAP_FAILED, "mmap");
        memory_ = static_cast<std::byte*>(memory);
        xsk_umem_config shared{};
        shared.fill_size = 2 * k_frames;  // it may look fuller than it is
        shared.comp_size = k_frames;
        shared.frame_size = k_frame_bytes;
        require(::xsk_umem__create(&umem_, memory, bytes, &fill_, &completed_, &shared) == 0,
                "AF_XDP memory");
        xsk_socket_config config{};
        config.rx_size = config.tx_size = k_frames;
        config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
        config.bind_flags = XDP_USE_NEED_WAKEUP;
        require(
            ::xsk_socket__create(&socket_, k_veth, 0, umem_, &receive_, &transmit_, &config) == 0,
            "AF_XDP socket");
        auto program = XdpProgram::load(1);
        require(program && program->add_socket(0, fd()) == 0 &&
                    program->attach(::if_nametoindex(k_veth)) == 0,
                "XDP program");
        program_ = std::move(*program);
        give_back(k_frames, [](u32 i) { return u64{i} * k_frame_bytes; });
    }
    ~Rings() {
        ::xsk_socket__delete(socket_);
        ::xsk_umem__delete(umem_);
    }
    Rings(const Rings&) = delete;
    Rings& operator=(const Rings&) = delete;

    int fd() const { return ::xsk_socket__fd(socket_); }
    u64 calls() const { return calls_; }

    // The frame lies in every buffer for sending from now on.
    void prepare(const std::vector<std::byte>& frame) {
        size_ = static_cast<u32>(frame.size());
        for (u32 i = 0; i < k_frames; ++i)
            std::memcpy(memory_ + buffer(i), frame.data(), frame.size());
    }
    // The bytes of a batch that the kernel has taken.
    u64 push() {
        u32 at = 0;
        require(::xsk_ring_prod__reserve(&transmit_, k_batch, &at) == k_batch, "no room to send");
        for (u32 i = 0; i < k_batch; ++i) {
            *::xsk_ring_prod__tx_desc(&transmit_, at + i) = {
                .addr = buffer(next_++ % k_frames), .len = size_, .options = 0};
        }
        ::xsk_ring_prod__submit(&transmit_, k_batch);
        while (::xsk_prod_nb_free(&transmit_, k_frames) < k_frames) {
            ++calls_;
            const bool taken = ::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
            require(taken || errno == EAGAIN || errno == EBUSY, "sendto");
        }
        const u32 done = ::xsk_ring_cons__peek(&completed_, k_frames, &at);
        ::xsk_ring_cons__release(&completed_, done);
        return u64{k_batch} * size_;
    }
    // The bytes of what has arrived; waits for it.
    u64 pull() {
        u32 from = 0;
        const u32 count = ::xsk_ring_cons__peek(&receive_, k_batch, &from);
        if (count == 0) {
            ++calls_;
            pollfd p{fd(), POLLIN, 0};
            ::poll(&p, 1, 100);
            return 0;
        }
        u64 bytes = 0;
        give_back(count, [&](u32 i) {
            const xdp_desc& frame = *::xsk_ring_cons__rx_desc(&receive_, from + i);
            bytes += frame.len;
            return frame.addr & ~u64{k_frame_bytes - 1};
        });
        ::xsk_ring_cons__release(&receive_, count);
        return bytes;
    }

private:
    // Those behind the buffers for receiving.
    static u64 buffer(u32 i) { return u64{k_frames + i} * k_frame_bytes; }
    template <class F>
    void give_back(u32 count, F&& address) {
        u32 at = 0;
        require(::xsk_ring_prod__reserve(&fill_, count, &at) == count, "no room to give back");
        for (u32 i = 0; i < count; ++i) *::xsk_ring_prod__fill_addr(&fill_, at + i) = address(i);
        ::xsk_ring_prod__submit(&fill_, count);
    }

    std::byte* memory_;
    xsk_ring_prod fill_{}, transmit_{};
    xsk_ring_cons completed_{}, receive_{};
    xsk_umem* umem_ = nullptr;
    xsk_socket* socket_ = nullptr;
    XdpProgram program_;
    u32 size_ = 0, next_ = 0;
    u64 calls_ = 0;
};

}  // namespace

Figures measure_raw_xdp(const DeviceOptions& o) {
    require(o.question != DeviceOptions::Question::RoundTrip, "bare rings do not answer");
    enter_namespace();
    Child child(true, [&](Shared& s) { kernel_end(o, s); });
    join_by_veth(child, o);
    Rings rings;
    rings.prepare(raw_frame(false, {2, 0, 0, 0, 0, 9}));
    child.let_go();
    child.await_ready();
    u64 bytes = 0;
    const bool receives = o.question == DeviceOptions::Question::Receive;
    return measure(
        o, child, [&] { bytes += receives ? rings.pull() : rings.push(); }, [&] { return bytes; },
        [&] { return rings.calls(); });
}

}  // namespace tern::bench
