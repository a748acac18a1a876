// Echo (RFC 792, RFC 1122 3.2.2.6): we answer, and the application may ask. Asks nothing of anybody
// but the stack's memory.
#pragma once

#include <array>
#include <optional>

#include "core/event/context.hh"
#include "core/inet/v4/icmp_error.hh"

namespace tern::inet::v4 {

class Echo {
public:
    explicit Echo(Context& context) : context_(&context) {}

    // The reply to a request (view from its ICMP header).
    Answer answer(Packet request, const Arrival& arrival);

    // A request of the application's. `to_group`: anybody may answer. OutOfMemory.
    struct Question {
        IpAddress source, to;
        u16 identifier = 0, sequence = 0;
        std::span<const std::byte> data;
        bool to_group = false;
    };
    Result<Answer> ask(const Question& question);
    // A reply (view from its ICMP header). None: the application may fetch it.
    DropReason take_reply(Packet& packet, const wire::IcmpMessage& message, const Arrival& arrival);
    std::optional<EchoReply> next_reply();
    // Whether replies have come since the application was told last; it is told now.
    bool tell() { return std::exchange(untold_, false); }

private:
    struct Pending {
        IpAddress to;
        u16 identifier = 0;
        u16 sequence = 0;
        bool open = false;
        bool to_group = false;
    };

    Context* context_;
    std::array<Pending, 64> pending_{};
    u32 next_ = 0;  // in pending_
    Chain replies_;
    bool untold_ = false;
};

}  // namespace tern::inet::v4
