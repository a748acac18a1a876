// Is an address free, and whose is it? Probes, announcements, defence (RFC 5227); duplicate address
// detection (RFC 4862 5.4) is the same with other times. How a claim is made known is the
// protocol's.
#pragma once

#include <vector>

#include "core/base/random.hh"
#include "tern/address.hh"
#include "tern/time.hh"

namespace tern::inet {

// RFC 5227 1.1.
struct ClaimTimes {
    Duration probe_wait = std::chrono::seconds(1);  // at most, before the first probe
    u8 probes = 3;
    Duration probe_min = std::chrono::seconds(1);  // between two of them
    Duration probe_max = std::chrono::seconds(2);
    Duration announce_wait = std::chrono::seconds(2);  // behind the last one
    u8 announcements = 2;                              // 0: nobody is told
    Duration announce_interval = std::chrono::seconds(2);
    u32 max_conflicts = 10;
    Duration rate_limit_interval = std::chrono::seconds(60);
    Duration defend_interval = std::chrono::seconds(10);
};

class Claims {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        virtual void probe(u8 interface, const IpAddress& ip) = 0;
        virtual void announce(u8 interface, const IpAddress& ip) = 0;
        virtual void defend(u8 interface, const IpAddress& ip) = 0;
        // Nobody else has claimed it: it may be used.
        virtual void won(u8 interface, const IpAddress& ip) = 0;
        // Somebody else has it: it is ours no more. Claims has forgotten it.
        virtual void lost(u8 interface, const IpAddress& ip) = 0;

    protected:
        ~Surroundings() = default;
    };

    // The clock is read where it is needed, and the chance is the stack's.
    Claims(const Instant& now, Random& random, Surroundings& surroundings,
           const ClaimTimes& times = {})
        : now_(&now), random_(&random), surroundings_(&surroundings), times_(times) {}

    void add_interface() { interfaces_.emplace_back(); }
    // An address that nobody may use before won().
    void start(u8 interface, const IpAddress& ip);
    // It was taken away.
    void forget(u8 interface, const IpAddress& ip);
    void forget_all(u8 interface);
    // Somebody else speaks with it, an address of ours or one that is being claimed.
    void contested(u8 interface, const IpAddress& ip);
    // Somebody else probes for it; that matters until we have won it. False: nobody claims it.
    bool probed_for(u8 interface, const IpAddress& ip);

    void advance();  // to now
    Instant next_deadline() const { return due_; }

private:
    enum class Phase : u8 { Probing, Announcing, Settled };
    struct Claim {
        IpAddress ip;
        u8 interface = 0;
        Phase phase = Phase::Settled;
        bool probed = false;  // was won by probing; such an address is given up when contested
        u8 sent = 0;          // probes, then announcements
        Instant next = Instant::max();
        Instant contested_at = k_never;
    };
    struct OfInterface {
        u32 conflicts = 0;             // RFC 5227 2.1.1
        Instant claimed_at = k_never;  // when probing began last
    };
    static constexpr Instant k_never{Duration{std::numeric_limits<i64>::min() / 2}};

    std::vector<Claim>::iterator place_of(u8 interface, const IpAddress& ip);
    Claim* find(u8 interface, const IpAddress& ip);
    Claim& find_or_add(u8 interface, const IpAddress& ip);
    void lose(const Claim& claim);
    void advance(Claim& claim);
    void find_due();
    Duration up_to(Duration most);

    const Instant* now_;
    Random* random_;
    Surroundings* surroundings_;
    ClaimTimes times_;
    std::vector<OfInterface> interfaces_;
    std::vector<Claim> claims_;     // of addresses that were probed for or contested, in order
    Instant due_ = Instant::max();  // no claim has anything to do before
};

}  // namespace tern::inet
