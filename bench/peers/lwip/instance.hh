// Instance: one complete lwIP with its own globals. lwIP keeps its state in global variables, so
// two stacks in one process need two copies of the shared library; every call goes through a table
// found with dlsym.
#pragma once

extern "C" {
#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
}

namespace lwip_peer {

// The functions of lwIP that the benchmarks call.
#define LWIP_PEER_FUNCTIONS(X) \
    X(lwip_init)               \
    X(sys_check_timeouts)      \
    X(netif_add)               \
    X(netif_set_up)            \
    X(netif_set_link_up)       \
    X(ip4_input)               \
    X(pbuf_alloc)              \
    X(pbuf_free)               \
    X(pbuf_copy_partial)       \
    X(tcp_new)                 \
    X(tcp_bind)                \
    X(tcp_listen_with_backlog) \
    X(tcp_accept)              \
    X(tcp_connect)             \
    X(tcp_arg)                 \
    X(tcp_recv)                \
    X(tcp_sent)                \
    X(tcp_err)                 \
    X(tcp_write)               \
    X(tcp_output)              \
    X(tcp_recved)              \
    X(tcp_close)

struct Instance {
#define LWIP_PEER_MEMBER(name) decltype(&::name) name = nullptr;
    LWIP_PEER_FUNCTIONS(LWIP_PEER_MEMBER)
#undef LWIP_PEER_MEMBER
    // The heads of lwIP's lists, with which a benchmark proves that a TIME-WAIT is really kept.
    tcp_pcb** active_pcbs = nullptr;
    tcp_pcb** time_wait_pcbs = nullptr;
};

// The library as the loader maps it, and a second copy of the same file with globals of its own.
Instance load_instance();
Instance load_copied_instance();

// Ends the program with a message when something a benchmark relies on does not hold.
void require(bool condition, const char* what);

}  // namespace lwip_peer
