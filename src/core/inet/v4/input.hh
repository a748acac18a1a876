// An IPv4 packet arrives: RFC 791 3.1 and the checks of RFC 1122 3.2.1. Says whose it is; to
// deliver it, to answer and to drop are the caller's.
#pragma once

#include <array>

#include "core/inet/values.hh"
#include "core/wire/ipv4.hh"
#include "tern/drop_reason.hh"
#include "tern/packet_batch.hh"

namespace tern::inet::v4 {

class Input {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        virtual bool owns(u8 interface, Ipv4Address ip) const = 0;
        virtual bool is_ours(Ipv4Address ip) const = 0;  // on any interface
        virtual bool is_subnet_broadcast(u8 interface, Ipv4Address ip) const = 0;

    protected:
        ~Surroundings() = default;
    };

    explicit Input(const Surroundings& surroundings) : surroundings_(&surroundings) {}

    struct Taken {
        DropReason reason = DropReason::None;
        u8 protocol = 0;
        u8 header_length = 0;
    };
    // The view of `packet` begins at its IP header, and loses the link's padding. Without a reason
    // to drop it `arrival` is filled, but for its note.
    Taken take(u8 interface, Packet& packet, Arrival& arrival);
    // What it remembers of addresses may be wrong now.
    void addresses_changed() { ++generation_; }

private:
    DropReason check_addresses(u8 interface, const wire::Ipv4Header& header, Arrival& arrival);

    // Who spoke to which address of ours lately, and was let in: the same answer until the
    // addresses change, however many there are.
    struct LetIn {
        Ipv4Address source, destination;
        u32 generation = 0;
        u8 interface = 0;
        friend bool operator==(const LetIn&, const LetIn&) = default;
    };

    const Surroundings* surroundings_;
    u32 generation_ = 1;
    std::array<LetIn, 64> let_in_{};
};

}  // namespace tern::inet::v4
