// Packets that wait until their neighbour has answered: RFC 1122 2.3.2, RFC 4861 7.2. One for both
// families; how a neighbour is asked is the protocol's (arp.hh).
#pragma once

#include "core/inet/neighbor/cache.hh"

namespace tern::inet {

class Resolver {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        // Asks the neighbour for its link address, at `to`.
        virtual void solicit(const Neighbor& neighbor, const MacAddress& to) = 0;
        // An IP packet that has waited leaves; the neighbour's link address is known.
        virtual void release(const Neighbor& neighbor, Packet packet) = 0;
        // One that will not leave.
        virtual void lost(const Packet& packet, DropReason reason, u8 interface) = 0;
        // The same, because the neighbour does not answer; lost() follows.
        virtual void unreachable(const Packet& packet) = 0;
        // Somebody may hold the slot of an entry that has a new owner, or none, now.
        virtual void slots_changed() = 0;

    protected:
        ~Surroundings() = default;
    };

    // What waits for all neighbours together holds at most `waiting_bytes`.
    Resolver(Context& context, u64 waiting_bytes, Surroundings& surroundings)
        : context_(&context), surroundings_(&surroundings), cache_(context),
          waiting_(waiting_bytes) {}

    // The entry of a neighbour, made if there is none. `known`: its link address comes with it.
    // 0: there is no room.
    Handle<Neighbor> entry_for(u8 interface, const IpAddress& address, bool known);
    Handle<Neighbor> find(u8 interface, const IpAddress& address) const {
        return cache_.find(interface, address);
    }
    bool is_live(Handle<Neighbor> i) const { return cache_.is_live(i); }
    // Where `packet` goes now. Null: it has been taken, and waits for the neighbour to answer.
    const MacAddress* address_for(Handle<Neighbor> i, Packet& packet) {
        Ask ask = Ask::Nothing;
        if (cache_.use(i, ask)) [[likely]]
            return &cache_[i].mac;
        wait(i, std::move(packet));
        act(i, ask);
        return nullptr;
    }
    // The link address was learned, `solicited`: as the answer to a question of ours.
    void learn(Handle<Neighbor> i, const MacAddress& mac, bool solicited);
    // An administrator's entry, which stays.
    void make_permanent(Handle<Neighbor> i, const MacAddress& mac);
    void flush();

    // A transport has made progress through it, or suspects it; a slot that is not live is nobody.
    void confirm(Handle<Neighbor> i) {
        if (is_live(i)) cache_.confirm(i);
    }
    void suspect(Handle<Neighbor> i) {
        if (is_live(i)) act(i, cache_.suspect(i));
    }

    void advance();
    Instant next_deadline() const { return cache_.next_deadline(); }

private:
    void wait(Handle<Neighbor> i, Packet packet);
    void act(Handle<Neighbor> i, Ask ask);
    void release(Handle<Neighbor> i);
    void give_up(Handle<Neighbor> i);
    void drop_waiting(Neighbor& n, DropReason reason);

    Context* context_;
    Surroundings* surroundings_;
    NeighborCache cache_;
    WaitingShare waiting_;
};

}  // namespace tern::inet
