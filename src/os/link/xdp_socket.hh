// One receive and one transmit queue of a device by AF_XDP: a socket, the memory that it shares
// with the kernel, and its four rings. See Linux Documentation/networking/af_xdp.rst.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include <xdp/xsk.h>

#include "tern/link.hh"

namespace tern {

struct XdpSocketOptions {
    std::string interface;
    u32 queue = 0;
    u32 frames = 1024;       // for each direction; a power of two
    u32 frame_bytes = 2048;  // 2,048 or 4,096: room for a frame and the kernel's own 256 bytes
};

class XdpSocket {
public:
    // Which step failed, and its errno.
    struct Failure {
        const char* step;
        int number;
    };
    static std::expected<std::unique_ptr<XdpSocket>, Failure> open(const XdpSocketOptions& options);
    ~XdpSocket();
    XdpSocket(const XdpSocket&) = delete;
    XdpSocket& operator=(const XdpSocket&) = delete;

    // Bytes of memory that a socket shares with the kernel.
    u64 memory() const { return memory_.get_deleter().bytes; }
    // The longest frame that a buffer of this size holds.
    static u32 longest_frame(u32 frame_bytes) { return frame_bytes - k_kernel_bytes; }

    int fd() const { return ::xsk_socket__fd(socket_.get()); }
    bool zero_copy() const { return zero_copy_; }
    // The device was removed, or went to another network namespace. The kernel says so once.
    bool device_gone() const;

    // Appends copies of what has arrived, as far as `into` has room.
    void receive(PacketPool& pool, PacketBatch& into);
    // Copies a frame into the queue, or counts why not.
    void send(std::span<const std::byte> frame);
    // Lets the kernel take what was sent. False: it left some of it, and wants to be asked again.
    bool flush();
    LinkCounters counters() const;

private:
    static constexpr u32 k_kernel_bytes = 256;  // XDP_PACKET_HEADROOM

    struct Unmap {
        u64 bytes;
        void operator()(std::byte* memory) const;
    };
    struct DeleteUmem {
        void operator()(xsk_umem* umem) const { ::xsk_umem__delete(umem); }
    };
    struct DeleteSocket {
        void operator()(xsk_socket* socket) const { ::xsk_socket__delete(socket); }
    };

    XdpSocket(const XdpSocketOptions& options, std::span<std::byte> memory);
    int register_memory();
    int bind(const std::string& interface, u32 queue);
    void take(u32 from, u32 count, PacketPool& pool, PacketBatch& into);
    void give_buffers(u32 count, u64 first);
    void take_completed();
    bool push();
    u32 unsent();

    u32 frames_, frame_bytes_;
    bool zero_copy_ = false;
    std::unique_ptr<std::byte, Unmap> memory_;
    xsk_ring_prod fill_{}, transmit_{};
    xsk_ring_cons completed_{}, receive_{};
    std::unique_ptr<xsk_umem, DeleteUmem> umem_;
    std::unique_ptr<xsk_socket, DeleteSocket> socket_;
    std::vector<u64> free_;  // buffers for sending
    LinkCounters counters_;
};

}  // namespace tern
