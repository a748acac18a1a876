// A UDP socket as the files of this folder share it.
#pragma once

#include "core/inet/inet.hh"
#include "tern/udp.hh"

namespace tern::udp {

struct Socket {
    LocalEndpoint local;  // one address when connected
    Endpoint remote;      // when connected
    bool connected = false;
    bool may_broadcast = false;
    bool reuse_address = false;
    u8 ttl = 64;
    u8 tos = 0;
    Error pending = Error::None;  // out of a hard ICMP error; told once, instead of a call's work
    Error soft = Error::None;     // out of a soft one; told by the event alone
    u16 event_bits = 0;           // not fetched yet
    u32 generation = 0;
    u32 queue_limit = 0;
    u32 pinned = 0;  // bytes of memory that `queue` holds
    Chain queue;     // datagrams; the view is the data, the headers lie before it
    inet::Way way;   // to `remote`
    u64 user = 0;
    Handle<Socket> port_next, port_prev;    // unconnected sockets of one port, newest first
    Handle<Socket> event_next, event_prev;  // sockets with event_bits, oldest first
};

}  // namespace tern::udp
