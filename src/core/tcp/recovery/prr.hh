// RFC 9937: during recovery as many bytes leave as brings the flight to ssthresh by its end, paced
// by what arrives.
#pragma once

#include <optional>

#include "tern/int.hh"

namespace tern::tcp {

class Prr {
public:
    struct Ack {
        u32 delivered = 0;  // bytes that it newly acknowledges or SACKs
        u32 pipe = 0;       // bytes on their way behind it
        u32 ssthresh = 0;
        u32 mss = 0;
        bool safe = false;  // SND.UNA advances, and nothing new is lost
    };

    // Recovery begins; `recover_fs` (RecoverFS): bytes in flight when it does.
    void begin(u32 recover_fs) { *this = Prr{recover_fs}; }
    void sent(u32 bytes) { out_ += bytes; }
    // Has anything left since recovery began?
    bool any_sent() const { return out_ != 0; }
    // RFC 9937 6 [RFC9937:1], [RFC9937:2]: cwnd for what may leave now, in bytes; [RFC9937:3]: what
    // was delivered pays for what is sent. Nothing: cwnd stays.
    std::optional<u32> acknowledged(const Ack& ack);

    Prr() = default;

private:
    explicit Prr(u32 recover_fs) : recover_fs_(recover_fs) {}

    u32 recover_fs_ = 0, delivered_ = 0, out_ = 0;
};

}  // namespace tern::tcp
