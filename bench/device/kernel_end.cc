// The kernel's side of every measurement, and the kernel in tern's place, over veth.
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_frame.hh"
#include "world.hh"

namespace tern::bench {

namespace {

using Question = DeviceOptions::Question;
constexpr std::size_t k_block = 256 * 1024;

int accept_one(Shared& shared) {
    const int listener = tcp_socket(), yes = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in here = socket_address(INADDR_ANY);
    require(::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0, "bind");
    require(::listen(listener, 1) == 0, "listen");
    shared.ready.store(1);
    const int fd = ::accept(listener, nullptr, nullptr);
    require(fd >= 0, "accept");
    ::close(listener);
    return fd;
}

void sink(int fd, Shared& shared) {
    std::vector<std::byte> block(k_block);
    u64 received = 0;
    for (ssize_t n; (n = ::recv(fd, block.data(), block.size(), 0)) > 0;) {
        received += static_cast<u64>(n);
        shared.received.store(received, std::memory_order_relaxed);
    }
}

void source(int fd) {
    const std::vector<std::byte> block(k_block);
    while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {}
}

// All of one message. `flags`: MSG_DONTWAIT asks again and again.
bool receive_message(int fd, std::byte* into, int flags) {
    for (std::size_t got = 0; got < k_round_trip_bytes;) {
        const ssize_t n = ::recv(fd, into + got, k_round_trip_bytes - got, flags);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
        if (n > 0) got += static_cast<std::size_t>(n);
    }
    return true;
}

void echo(int fd) {
    std::byte message[k_round_trip_bytes];
    while (receive_message(fd, message, 0)) {
        if (::send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message) return;
    }
}

// Frames straight into the device, as bare system calls on the other end read them.
void packet_source(const DeviceOptions& o, Shared& shared) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), yes = 1;
    require(fd >= 0, "AF_PACKET");
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IP);
    to.sll_ifindex = static_cast<int>(::if_nametoindex(o.xdp ? k_veth_peer : k_tap));
    require(::bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "bind AF_PACKET");
    if (o.offloads)
        require(::setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes) == 0, "vnet");
    const std::vector<std::byte> frame = raw_frame(o.offloads, {});
    shared.ready.store(1);
    for (;;) {
        // ENOBUFS: the device's queue is full.
        if (::send(fd, frame.data(), frame.size(), 0) < 0) require(errno == ENOBUFS, "send");
    }
}

}  // namespace

void kernel_end(const DeviceOptions& o, Shared& shared) {
    if (o.peer == DeviceOptions::Peer::Raw) {
        if (o.question == Question::Receive) packet_source(o, shared);
        shared.ready.store(1);
        for (;;) ::pause();
    }
    const int fd = accept_one(shared);
    switch (o.question) {
        case Question::Send: sink(fd, shared); break;
        case Question::Receive: source(fd); break;
        case Question::RoundTrip: echo(fd); break;
    }
}

Figures measure_kernel(const DeviceOptions& o) {
    enter_namespace();
    Child child(true, [&](Shared& s) { kernel_end(o, s); });
    join_by_veth(child, o);
    child.let_go();
    child.await_ready();
    const int fd = connect_to_kernel();
    std::vector<std::byte> block(k_block);
    u64 calls = 0, received = 0;
    const auto system_calls = [&] { return calls; };
    switch (o.question) {
        case Question::Send:
            return measure(
                o, child,
                [&] {
                    require(::send(fd, block.data(), block.size(), 0) > 0, "send");
                    ++calls;
                },
                [&] { return child.shared().received.load(); }, system_calls);
        case Question::Receive:
            return measure(
                o, child,
                [&] {
                    const ssize_t n = ::recv(fd, block.data(), block.size(), 0);
                    require(n > 0, "recv");
                    received += static_cast<u64>(n);
                    ++calls;
                },
                [&] { return received; }, system_calls);
        case Question::RoundTrip: break;
    }
    const int flags = o.spin ? MSG_DONTWAIT : 0;
    return measure_round_trips(o, child, [&] {
        require(::send(fd, block.data(), k_round_trip_bytes, 0) == k_round_trip_bytes, "send");
        require(receive_message(fd, block.data(), flags), "recv");
    });
}

}  // namespace tern::bench
