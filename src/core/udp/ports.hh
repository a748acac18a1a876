// Who owns which port: connected sockets by their four-tuple, the others by port and address.
#pragma once

#include "core/base/flow_key.hh"
#include "core/base/flow_table.hh"
#include "core/base/pool.hh"
#include "core/udp/socket.hh"

namespace tern::udp {

class Ports {
public:
    Ports(Context& context, Pool<Socket>& sockets);

    // Enters a socket whose `local` has its port, and `remote` if it is connected. PortInUse,
    // OutOfMemory.
    Result<void> add(Handle<Socket> socket);
    void remove(Handle<Socket> socket);
    // An ephemeral port that this socket may have (RFC 6056). NoPortFree.
    Result<u16> choose(const Socket& socket) const;
    bool at_home(u16 port) const;

    // The most specific owner: the four-tuple, then the address, then every address. 0: nobody.
    Handle<Socket> find(const Endpoint& local, const Endpoint& remote) const;
    Handle<Socket> find_connected(const Endpoint& local, const Endpoint& remote) const;
    // f(handle) for everybody who wants what is sent to a group at `local`.
    template <class F>
    void for_group(const Endpoint& local, const Endpoint& remote, F&& f) const {
        if (const Handle<Socket> i = find_connected(local, remote)) f(i);
        for (Handle<Socket> i = first_on(local.port); i != 0;) {
            const Socket& s = (*sockets_)[i];
            const Handle<Socket> next = s.port_next;
            if (s.local.address.covers(local.address)) f(i);
            i = next;
        }
    }

private:
    // A port that somebody has.
    struct Port {
        u16 number = 0;
        u32 sockets = 0;       // connected ones too
        Handle<Socket> first;  // of those that are not connected
    };
    struct HashOfPort {
        using Value = Handle<Port>;
        const Ports* ports;
        u64 operator()(Value i) const { return ports->hash(ports->ports_[i].number); }
    };
    struct HashOfFlow {
        using Value = Handle<Socket>;
        const Ports* ports;
        u64 operator()(Value i) const { return key_of((*ports->sockets_)[i]).hash(ports->key_); }
    };

    u64 hash(u16 port) const { return siphash13(key_, u64{port}); }
    // Of a connected socket.
    static FlowKey key_of(const Endpoint& local, const Endpoint& remote) {
        return {local.address, local.port, remote.address, remote.port};
    }
    static FlowKey key_of(const Socket& s) {
        return key_of({s.local.address.or_unspecified(), s.local.port}, s.remote);
    }
    Handle<Port> find_port(u16 number) const;
    Handle<Socket> first_on(u16 number) const {
        const Handle<Port> p = find_port(number);
        return p == 0 ? Handle<Socket>{} : ports_[p].first;
    }
    Handle<Socket> find_flow(const FlowKey& key) const;
    bool taken(const Socket& socket) const;
    Handle<Port> port_for(u16 number);
    void leave_port(Handle<Port> port);

    Context* context_;
    Pool<Socket>* sockets_;
    SipKey key_;
    Pool<Port> ports_;
    FlowTable<HashOfPort> by_number_;
    FlowTable<HashOfFlow> connected_;
};

}  // namespace tern::udp
