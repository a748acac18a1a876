// Runtime: a Stack with its links, a clock, and a way to wait for all of them. One thread runs it:
//   Runtime runtime{{.link = "tap:tern0", .addresses = {"10.0.0.2/24"}}};
//   for (;;) runtime.run_once(std::chrono::seconds(1), [&](const Event& event) { ... });
// With several links:
//   Runtime runtime{{.links = make_links(
//       LinkConfig{.link = "tap:tern0", .addresses = {"10.0.0.2/24"}, .gateway = "10.0.0.1"},
//       LinkConfig{.link = "xdp:eth1", .addresses = {"10.1.0.2/24"}})}};
// Its descriptor polls readable when run_once() has work, so any event loop can carry it; the
// Asio face (asio.hh) does.
#pragma once

#include <expected>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tern/export.hh"
#include "tern/impairment.hh"
#include "tern/link.hh"
#include "tern/stack.hh"

namespace tern TERN_API {

// What the system said and what helps, for people.
class RuntimeError : public std::runtime_error {
public:
    // `message` is for people.
    RuntimeError(Error code, const std::string& message)
        : std::runtime_error(message), code_(code) {}
    Error code() const { return code_; }  // for programs

private:
    Error code_;
};

// What a runtime does when it has nothing to do.
enum class Wait : u8 {
    Sleep,     // until a packet or a deadline
    Spin,      // never: lowest latency, one core
    Adaptive,  // spins after work as long as that has paid lately, at most `spin`; then sleeps
};

// One of several links of a runtime, and what is its own. The fields are those of RuntimeConfig.
struct LinkConfig {
    std::string link = "tap:tern0";
    std::unique_ptr<Link> device{};
    std::vector<std::string> addresses{};
    std::vector<std::string> prefixes{};
    std::string gateway{};  // of several links' default routes the first leads; see `links`
    std::vector<std::string> routes{};
    u32 mtu = 1500;
    u16 vlan = 0;
    MacAddress mac{};
    bool offloads = true;
    std::string network_namespace{};
    Stack::Probe probe = Stack::Probe::No;
    std::optional<Impairment> outbound{};
    std::optional<Impairment> inbound{};
    u64 impair_seed = 1;
};

// For RuntimeConfig::links: a list in braces would copy, and a LinkConfig with a device cannot be.
template <class... More>
std::vector<LinkConfig> make_links(LinkConfig first, More&&... more) {
    std::vector<LinkConfig> links;
    links.reserve(1 + sizeof...(more));
    links.push_back(std::move(first));
    (links.push_back(std::forward<More>(more)), ...);
    return links;
}

// A host: one link or several, its clockwork and its memory.
struct RuntimeConfig {
    // "tap:NAME", "tun:NAME"; "xdp:NAME", a device that is there and up, with all of its receive
    // queues, or "xdp:NAME:QUEUE" with one; "@NETNS" may follow.
    std::string link = "tap:tern0";
    std::unique_ptr<Link> device{};         // instead of `link`: your driver, an end of make_wire()
    std::vector<std::string> addresses{};   // "10.0.0.2/24"
    std::vector<std::string> prefixes{};    // "10.9.0.0/16": every address of it (accept-any)
    std::string gateway{};                  // next hop of the default route
    std::vector<std::string> routes{};      // "10.1.0.0/16 via 10.0.0.9", or without "via"
    u32 mtu = 1500;                         // xdp: at most the device's own
    u16 vlan = 0;                           // 0: untagged
    MacAddress mac{};                       // zero: made from the kernel end's; xdp: the device's
    bool offloads = true;                   // checksums and segmentation, where the link can
    std::string network_namespace{};        // path, as /run/netns/NAME; where the device is
    Stack::Probe probe = Stack::Probe::No;  // look for address conflicts first (RFC 5227)
    Wait wait = Wait::Sleep;
    Duration spin = std::chrono::microseconds(50);  // 0, or one processor for us: never
    u64 seed = 0;                                   // 0: from the operating system
    u64 memory_limit = u64{256} << 20;
    Limits limits{};
    Observer* observer = nullptr;  // the event log: captures, ladders
    // A bad network in front of the link, repeatable from a seed, each direction of its own.
    std::optional<Impairment> outbound{};
    std::optional<Impairment> inbound{};
    u64 impair_seed = 1;
    // Several links, of any kinds, instead of the one that `link` and the fields of LinkConfig
    // describe, which are then left as they are. Nothing is forwarded from one to another, and a
    // packet leaves by the link that its source address belongs to (the strong host model of
    // RFC 1122 3.3.4.2): the routes of that link alone decide who gets it there. Where no source is
    // chosen yet, the longest prefix decides, and of equal ones, as two default routes or two links
    // in one subnet, the link that comes first. An address belongs to one link.
    std::vector<LinkConfig> links{};
    Steering steering{};  // set by Shards
};

// Both ends alike.
struct WireOptions {
    u32 mtu = 1500;
    bool offloads = true;  // super-segments cross in one piece, checksums are left out
    u32 queue_packets = 1024;
};
// Two ends of a cable within this process; each end wakes the runtime of the other. Both runtimes
// must belong to one thread.
std::pair<std::unique_ptr<Link>, std::unique_ptr<Link>> make_wire(const WireOptions& options = {});

// Where events of a turn go.
class EventSink {
public:
    virtual ~EventSink() = default;
    // From within turn() or run_once(), which must not be called from here.
    virtual void on_event(const Event& event) = 0;
};

// All calls but wake() are for the thread that runs it.
class Runtime {
public:
    // Throws RuntimeError, whose text names the remedy.
    explicit Runtime(RuntimeConfig config);
    ~Runtime();
    // What was moved from may only be destroyed.
    Runtime(Runtime&&) noexcept;
    Runtime(const Runtime&) = delete;

    // What its calls have to send leaves with the next turn.
    Stack& stack();
    // Links count from 0, in the order of the configuration.
    std::size_t link_count() const;
    // The interface of the stack that the link carries.
    Interface interface(std::size_t link = 0) const;
    const LinkFacts& link_facts(std::size_t link = 0) const;  // as the device tells
    LinkCounters link_counters(std::size_t link = 0) const;   // since it was opened
    // The link's device is gone (it was removed, or its network namespace was) and does not come
    // back: nothing arrives or leaves there any more, its addresses and routes are taken away, and
    // the other links go on. Learnt in turn() and run_once(), for links whose descriptor is in
    // error then, as a TUN or TAP's is, and for those that know it themselves, as AF_XDP's do.
    bool link_lost(std::size_t link = 0) const;
    bool all_links_lost() const;  // nothing can arrive any more
    // What to tell people then; it names the device.
    std::string link_lost_text(std::size_t link = 0) const;
    Wait wait() const;    // as configured
    Instant now() const;  // monotonic_now()

    // Waits at most `max_wait` for work, then does one turn: packets in, timers, events to the
    // sink, packets out. Returns whether it did anything.
    bool run_once(Duration max_wait, EventSink& sink);
    // The same for a function that takes a const Event&.
    template <class Function>
    bool run_once(Duration max_wait, Function&& on_event);

    // For other event loops. The descriptor polls readable when turn() has work; turn() does not
    // wait, and arms the descriptor for the next deadline. True: call it again without waiting.
    int fd() const;
    // One turn as in run_once(), without the wait.
    bool turn(EventSink& sink);
    // turn() did something lately, or the configuration says to spin: better call it again.
    bool busy() const;
    // The descriptor polls readable at the latest then, once. From this thread.
    void wake_at(Instant when);
    // Ends a wait of run_once(). From any thread, or from a signal handler.
    void wake();

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

template <class Function>
bool Runtime::run_once(Duration max_wait, Function&& on_event) {
    struct Sink final : EventSink {
        explicit Sink(Function& f) : function(f) {}
        void on_event(const Event& event) override { function(event); }
        Function& function;
    } sink{on_event};
    return run_once(max_wait, static_cast<EventSink&>(sink));
}

// What every Runtime's now() counts: CLOCK_MONOTONIC.
Instant monotonic_now();
// Nanoseconds since 1970 in UTC, for logs; never for timers.
i64 wall_clock_now();

}  // namespace tern
