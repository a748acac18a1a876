// A cable between two devices that is a bad network: what `tern wire` is made of. One thread
// carries it; it spins while a packet is about to leave and sleeps when nothing is. Give that
// thread a real-time priority where other programs run: then it holds its times, and spins less.
#pragma once

#include <memory>
#include <string>

#include "tern/export.hh"
#include "tern/histogram.hh"
#include "tern/impairment.hh"
#include "tern/runtime.hh"

namespace tern TERN_API {

// Two devices, what is to happen between them, and the memory that may wait there.
struct ImpairedWireConfig {
    // "tap:NAME", "tun:NAME" or "xdp:NAME", "@NETNS" may follow; or a device of your own. Two of
    // a kind.
    std::string a = "tap:a", b = "tap:b";
    std::unique_ptr<Link> device_a{}, device_b{};
    Impairment a_to_b{}, b_to_a{};
    u64 seed = 1;
    u32 mtu = 1500;        // of a device that is made here
    bool offloads = true;  // super-segments cross in one piece where no fault wants them cut
    Wait wait = Wait::Adaptive;
    u64 memory_limit = u64{1} << 30;
    Duration tolerance = std::chrono::microseconds(200);  // lateness that counts as none
};

// What became of one direction. Packets as on the wire: a super-segment counts as its segments.
struct WireWay {
    ImpairCounters impaired{};
    u64 packets = 0, bytes = 0;  // left at the far end
    DurationHistogram lateness;  // how much later than planned they had left
    u64 late = 0;                // of them, by more than the tolerance
    // Read when the near end had not been looked at for longer than the tolerance, because others
    // had the core: nobody knows how long they had waited. The longest such time is beside it.
    u64 read_late = 0;
    Duration longest_absence{};
    u64 overrun = 0;    // lost at the near end, which was full: the wire was too slow
    u64 no_memory = 0;  // lost because the memory limit was reached
    u64 refused = 0;    // by the far device: it is down
    u64 untaken = 0;    // dropped by the kernel behind it: too slow, or nobody wants them

    // A packet was lost because the wire was too slow or memory was exhausted, or more than one in
    // a hundred at the far end.
    bool lost_any() const;
    // More than one in a hundred was late, and so many that it is no accident: at least 10.
    bool was_late() const;
    // The wire did what was asked: else its figures say nothing about the network.
    bool kept_up() const { return !lost_any() && !was_late(); }
};

// The wire itself. All calls but wake() are for one thread.
class ImpairedWire {
public:
    // Throws RuntimeError, whose text names the remedy.
    explicit ImpairedWire(ImpairedWireConfig config);
    ~ImpairedWire();
    ImpairedWire(const ImpairedWire&) = delete;
    ImpairedWire& operator=(const ImpairedWire&) = delete;

    // The devices' names as the kernel has them: "tap:a".
    const std::string& name_a() const;
    const std::string& name_b() const;  // likewise
    // Carries packets until then, or until wake(); false after that. Throws RuntimeError when a
    // device is gone.
    bool run_until(Instant end);
    // From now on. Throws RuntimeError when the settings cannot work together.
    void change(const Impairment& a_to_b, const Impairment& b_to_a);
    // What became of this direction so far.
    WireWay a_to_b() const;
    // And of the other.
    WireWay b_to_a() const;
    // Ends run_until(), the next one if none is running. From any thread, or a signal handler.
    void wake();

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace tern
