// Pair: a client and a server instance of lwIP, joined by an in-memory link of 1,500 bytes that
// carries IPv4 packets. The link copies each packet once: lwIP rewrites headers in place on input
// while the sender still holds the same bytes for retransmission.
#pragma once

#include <cstdint>
#include <vector>

#include "instance.hh"

namespace lwip_peer {

class Pair {
public:
    Pair();
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    Instance client;
    Instance server;

    // Listens on all the server ports that `connect` uses.
    void listen(tcp_accept_fn accept, void* arg);

    // Opens connection number `n`. Every number below k_most_connections has its own pair of ports,
    // and the client's address is reusable, so a standing TIME-WAIT of another number never blocks
    // a new connection.
    tcp_pcb* connect(std::uint64_t n, void* arg, tcp_connected_fn connected);
    static std::uint16_t client_port(std::uint64_t n);
    static constexpr std::uint64_t k_most_connections = 64 * 64'000;

    // Carries what is queued on the link once each way, and now and then runs lwIP's timers. False
    // when the link was empty.
    bool step();
    // Steps until the link is empty.
    void pump();

    // TCP packets with a payload that the client has sent.
    std::uint64_t client_data_frames() const { return client_side_.data_frames; }

private:
    struct Side {
        Instance* self = nullptr;
        Side* other = nullptr;
        netif interface {};
        std::vector<pbuf*> inbox;
        std::vector<pbuf*> batch;
        std::uint64_t data_frames = 0;
    };

    static err_t transmit(netif* interface, pbuf* packet, const ip4_addr_t* next_hop);
    static err_t set_up_interface(netif* interface);
    static void start(Side& side, std::uint8_t last_byte);
    static void deliver(Side& side);

    Side client_side_;
    Side server_side_;
    unsigned steps_ = 0;
};

}  // namespace lwip_peer
