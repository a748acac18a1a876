// The link, the addresses and the ports of the two instances.
#include "pair.hh"

#include <utility>

namespace lwip_peer {

namespace {

constexpr std::uint8_t k_client = 1;
constexpr std::uint8_t k_server = 2;
constexpr std::uint16_t k_first_client_port = 1'024;
constexpr std::uint16_t k_first_server_port = 80;
constexpr std::uint64_t k_client_ports = 64'000;
constexpr std::uint16_t k_server_ports = Pair::k_most_connections / k_client_ports;
// lwIP's own packets without payload are at most 60 bytes: 20 of IPv4 and up to 40 of TCP.
constexpr std::uint16_t k_longest_empty_packet = 60;
constexpr unsigned k_steps_per_timer_run = 16;

ip4_addr_t address4(std::uint8_t last_byte) {
    ip4_addr_t a{};
    IP4_ADDR(&a, 10, 0, 0, last_byte);
    return a;
}

ip_addr_t address(std::uint8_t last_byte) {
    ip_addr_t a{};
    ip_addr_copy_from_ip4(a, address4(last_byte));
    return a;
}

}  // namespace

Pair::Pair() : client(load_instance()), server(load_copied_instance()) {
    require(client.active_pcbs != server.active_pcbs, "the two instances share their globals");
    client_side_.self = &client;
    client_side_.other = &server_side_;
    server_side_.self = &server;
    server_side_.other = &client_side_;
    start(client_side_, k_client);
    start(server_side_, k_server);
}

void Pair::start(Side& side, std::uint8_t last_byte) {
    const ip4_addr_t own = address4(last_byte);
    ip4_addr_t mask{};
    IP4_ADDR(&mask, 255, 255, 255, 0);
    const ip4_addr_t no_gateway{};
    Instance& in = *side.self;
    require(in.netif_add(&side.interface, &own, &mask, &no_gateway, &side, set_up_interface,
                         in.ip4_input) != nullptr,
            "cannot add an interface");
    in.netif_set_link_up(&side.interface);
    in.netif_set_up(&side.interface);
}

err_t Pair::set_up_interface(netif* interface) {
    interface->mtu = 1'500;
    interface->output = transmit;
    return ERR_OK;
}

err_t Pair::transmit(netif* interface, pbuf* packet, const ip4_addr_t*) {
    Side& side = *static_cast<Side*>(interface->state);
    Side& other = *side.other;
    pbuf* copy = other.self->pbuf_alloc(PBUF_RAW, packet->tot_len, PBUF_RAM);
    if (copy == nullptr) return ERR_MEM;
    side.self->pbuf_copy_partial(packet, copy->payload, packet->tot_len, 0);
    side.data_frames += packet->tot_len > k_longest_empty_packet;
    other.inbox.push_back(copy);
    return ERR_OK;
}

void Pair::deliver(Side& side) {
    std::swap(side.inbox, side.batch);
    for (pbuf* packet : side.batch) {
        if (side.interface.input(packet, &side.interface) != ERR_OK) side.self->pbuf_free(packet);
    }
    side.batch.clear();
}

bool Pair::step() {
    const bool busy = !server_side_.inbox.empty() || !client_side_.inbox.empty();
    deliver(server_side_);
    deliver(client_side_);
    if (++steps_ % k_steps_per_timer_run == 0) {
        client.sys_check_timeouts();
        server.sys_check_timeouts();
    }
    return busy;
}

void Pair::pump() {
    while (step()) {}
}

void Pair::listen(tcp_accept_fn accept, void* arg) {
    const ip_addr_t own = address(k_server);
    for (std::uint16_t i = 0; i < k_server_ports; ++i) {
        tcp_pcb* pcb = server.tcp_new();
        require(
            pcb != nullptr &&
                server.tcp_bind(pcb, &own, static_cast<u16_t>(k_first_server_port + i)) == ERR_OK,
            "cannot bind the server");
        pcb = server.tcp_listen_with_backlog(pcb, 255);
        require(pcb != nullptr, "cannot listen");
        server.tcp_arg(pcb, arg);
        server.tcp_accept(pcb, accept);
    }
}

std::uint16_t Pair::client_port(std::uint64_t n) {
    return static_cast<std::uint16_t>(k_first_client_port + n % k_client_ports);
}

tcp_pcb* Pair::connect(std::uint64_t n, void* arg, tcp_connected_fn connected) {
    const ip_addr_t own = address(k_client);
    const ip_addr_t remote = address(k_server);
    tcp_pcb* pcb = client.tcp_new();
    require(pcb != nullptr, "out of connections");
    ip_set_option(pcb, SOF_REUSEADDR);
    require(client.tcp_bind(pcb, &own, client_port(n)) == ERR_OK, "cannot bind the client");
    client.tcp_arg(pcb, arg);
    const auto port = static_cast<u16_t>(k_first_server_port + n / k_client_ports);
    require(client.tcp_connect(pcb, &remote, port, connected) == ERR_OK, "cannot connect");
    return pcb;
}

}  // namespace lwip_peer
