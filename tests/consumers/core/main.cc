// Two hosts in one process, each a stack of the component core. What joins them is a socket pair
// that carries IP packets, and a loop with poll(2) brings packets and time: what a program does
// that has a link of its own.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "tern/tern.hh"

namespace {

constexpr std::uint16_t k_port = 7;
constexpr std::size_t k_mtu = 1500;

tern::Instant now() {
    const auto t = std::chrono::steady_clock::now().time_since_epoch();
    return tern::Instant{std::chrono::duration_cast<tern::Duration>(t)};
}

struct Node {
    Node(std::uint64_t seed, const char* address, int fd) : stack({.seed = seed}), link(fd) {
        interface =
            stack.add_interface({.name = "pair", .medium = tern::Medium::Ip, .mtu = k_mtu}).value();
        if (!stack.add_address(interface, *tern::Cidr::parse(address)).has_value()) std::abort();
    }

    void read_packet() {
        tern::Packet packet = stack.pool().allocate(k_mtu);
        if (!packet) return;  // memory is exhausted: the packet stays in the socket
        const ssize_t n = ::recv(link, packet.append(k_mtu), k_mtu, MSG_DONTWAIT);
        if (n <= 0) return;
        packet->end = static_cast<std::uint16_t>(packet->begin + static_cast<std::uint32_t>(n));
        tern::PacketBatch batch;
        batch.push(std::move(packet));
        stack.receive(now(), interface, std::move(batch));
    }

    void write_packets() {
        for (;;) {
            tern::PacketBatch batch = stack.transmit(now(), interface);
            if (batch.empty()) return;
            for (std::uint32_t i = 0; i < batch.size(); ++i) {
                const tern::Packet packet = batch.take(i);
                if (::send(link, packet.data(), packet.size(), 0) < 0) std::perror("send");
            }
        }
    }

    tern::Stack stack;
    tern::Interface interface;
    int link;
};

// One turn of the loop of both: packets, timers, packets; then sleep.
void turn(std::array<Node*, 2> nodes) {
    std::array<pollfd, 2> fds{};
    auto deadline = now() + std::chrono::seconds(1);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i]->stack.advance(now());
        nodes[i]->write_packets();
        fds[i] = {nodes[i]->link, POLLIN, 0};
        deadline = std::min(deadline, nodes[i]->stack.next_deadline());
    }
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
    ::poll(fds.data(), fds.size(), static_cast<int>(std::max<long>(wait.count(), 0)));
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (fds[i].revents & POLLIN) nodes[i]->read_packet();
}

}  // namespace

int main() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return 1;
    Node client{1, "10.0.0.1/24", pair[0]};
    Node server{2, "10.0.0.2/24", pair[1]};

    const auto listener = server.stack.tcp().listen({.local = {.port = k_port}});
    const auto call = client.stack.tcp().connect({*tern::IpAddress::parse("10.0.0.2"), k_port});
    if (!listener || !call) return 1;

    constexpr std::string_view greeting = "hello from tern " TERN_VERSION_STRING;
    bool sent = false;
    std::string heard;
    tern::Result<tern::TcpConnection> accepted = std::unexpected(tern::Error::WouldBlock);
    for (int turns = 0; turns < 1000 && heard.size() < greeting.size(); ++turns) {
        turn({&client, &server});
        while (client.stack.next_event()) {}
        while (server.stack.next_event()) {}
        if (!sent)
            sent = client.stack.tcp().send(*call, std::as_bytes(std::span{greeting})).has_value();
        if (!accepted) accepted = server.stack.tcp().accept(*listener);
        if (!accepted) continue;
        std::array<std::byte, 256> buffer;
        if (const auto n = server.stack.tcp().receive(*accepted, buffer))
            heard.append(reinterpret_cast<const char*>(buffer.data()), *n);
    }
    std::printf("%s\n", heard.c_str());
    ::close(pair[0]);
    ::close(pair[1]);
    return heard == greeting ? 0 : 1;
}
