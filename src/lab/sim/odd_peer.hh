// A door that makes a host's stack look like a peer with odd ways (Oddity in tern/sim.hh): it edits
// the segments of a real stack, with right checksums.
#pragma once

#include <optional>

#include "core/base/random.hh"
#include "core/base/seq.hh"
#include "lab/sim/fault.hh"
#include "tern/sim.hh"

namespace tern::sim {

struct TcpView;

class OddPeer final : public Door {
public:
    OddPeer(Oddity oddity, u64 seed, Fault& fault)
        : oddity_(oddity), random_(seed), fault_(fault) {}

    void be_odd(bool on) { odd_ = on; }
    void leaving(Packet packet, const Pass& on) override;
    void arriving(Packet packet, const Pass& on) override;

private:
    // What is dropped though it is told as received, behind what is simply lost; of one flow.
    struct Reneged {
        u32 ports;
        Seq lost, from, to;
        bool dropped = false;  // [from, to) too; until then only [lost, from)
        u32 told = 0;
    };

    void divide(Packet packet, const TcpView& view, const Pass& on);
    void shrink(Packet packet, const TcpView& view, const Pass& on);
    void tell_reneged(Packet packet, const TcpView& view, const Pass& on);
    bool drops(const TcpView& view);

    Oddity oddity_;
    Random random_;
    Fault& fault_;
    bool odd_ = false;
    bool sack_in_use_ = false;
    u32 ack_ports_ = 0;  // of last_ack_
    Seq last_ack_;
    std::optional<Reneged> reneged_;
};

}  // namespace tern::sim
