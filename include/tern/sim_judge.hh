// A judge for simulated worlds: reads the event logs of all hosts, and tells what no stack may do,
// whatever the network and the peer did.
//   sim::World world; ... hosts, wires ...
//   sim::Judge judge(world);
//   world.run_for(...);
//   for (const std::string& complaint : judge.complaints()) ...
// It takes the place of observers (Host::observe) of hosts that were there when it was made, and
// outlives every run of the world.
#pragma once

#include "tern/export.hh"
#include "tern/sim.hh"

namespace tern TERN_API {
namespace sim {

// Keeps at most eight complaints of each host. The world must outlive it.
class Judge {
public:
    // Observes every host that is there now.
    explicit Judge(World& world);
    ~Judge();
    Judge(const Judge&) = delete;

    // Segment by segment, since the beginning:
    //   what leaves has right checksums and lengths, and fits the MTU;
    //   SND.UNA <= SND.NXT: nothing is acknowledged that was not sent, nothing sent leaves a gap;
    //   nothing lies beyond the farthest edge that the peer has offered, but probes of a byte;
    //   RCV.NXT and the right edge of the own window never move back (RFC 9293 3.8.6 [SHLD-14]),
    //   beyond what rounding to the scale takes;
    //   cwnd is at least a segment; a stack keeps its memory_limit;
    //   the stack's own records are in order (Stack::broken_invariant).
    // Now: packets are conserved, wire by wire and host by host.
    std::vector<std::string> complaints() const;
    // When all is over, TIME-WAITs too: no packet, no connection, nothing under way.
    std::vector<std::string> leftovers() const;
    u64 segments() const;  // that were judged, sent and arrived

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace sim
}  // namespace tern
