// Simulated networks for your own tests: hosts with real stacks, wires, routers, faults. Virtual
// time, one schedule, one seed: the same seed gives the same run, packet by packet.
//   sim::World world{{.seed = 42}};
//   sim::Host& a = world.host("a", "10.0.0.1/24");
//   sim::Host& b = world.host("b", "10.0.0.2/24");
//   world.wire(a, b, {.loss = 0.01, .delay = 20ms, .rate = 100'000'000});
//   b.listen(80, [](sim::StreamPtr s) { s->on_data = ...; });
//   world.run_for(10s);
//   world.finish();
// A World and all that is in it belong to one thread. What cannot be (an address twice, a wire to
// oneself) throws std::invalid_argument that says what to do.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/export.hh"
#include "tern/runtime.hh"
#include "tern/stack.hh"

namespace tern TERN_API {
namespace sim {

class Host;
class TERN_LOCAL Lane;
class World;
struct TERN_LOCAL WorldInside;

// A fault was asked for and hit nothing, so the run has not tested what it was meant to test.
class FaultNeverStruck : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Hosts and routers: what a wire can end at.
class Node {
public:
    virtual ~Node() = default;
    Node(const Node&) = delete;
    const std::string& name() const { return name_; }

protected:
    // By World alone.
    explicit Node(std::string name) : name_(std::move(name)) {}

private:
    friend class World;
    friend class Lane;
    friend struct WorldInside;
    // `out` leads away from this node; packets from that wire's other end arrive as `port`.
    virtual u32 attach(Lane& out) = 0;
    virtual void arrive(u32 port, PacketBatch&& batch) = 0;

    std::string name_;
};

// One end of a TCP connection on a simulated host. Set the callbacks as soon as you have it; they
// are called from the world's turn, never from within a call of yours. After on_closed, and after
// a stop of the host, nothing more is called.
class Stream {
public:
    std::function<void()> on_connected{};  // connect() only
    std::function<void(std::span<const std::byte>)> on_data{};
    std::function<void()> on_writable{};     // room again after a write() that was short
    std::function<void()> on_end{};          // the peer has sent all: its FIN came
    std::function<void(Error)> on_closed{};  // None: both sides had closed

    // What the send queue takes now; less than all: on_writable follows.
    std::size_t write(std::span<const std::byte> bytes);
    // All of it: what the send queue does not take waits here and goes before what is sent later.
    void send(std::span<const std::byte> bytes);
    // The same for text.
    void send(std::string_view text) { send(std::as_bytes(std::span{text})); }
    void close();  // FIN behind what waits
    void abort();  // RST
    // What arrives stays in the receive queue, and the window closes; until read_on(), or until the
    // connection is over.
    void pause() { paused_ = true; }
    // What had arrived meanwhile comes by on_data.
    void read_on();
    bool alive() const { return host_ != nullptr; }  // false: calls do nothing
    // The last known one when the connection is over.
    const TcpStatus& status();

    class Key;  // only hosts make streams
    Stream(const Key&, Host& host, TcpConnection connection, u32 slot)
        : host_(&host), connection_(connection), slot_(slot) {}
    Stream(const Stream&) = delete;

private:
    friend class Host;
    void flush();
    void forget();

    Host* host_;
    TcpConnection connection_;
    u32 slot_;
    bool close_when_empty_ = false, ended_ = false, paused_ = false, over_ = false;
    std::vector<std::byte> waiting_;
    TcpStatus status_{};
};
using StreamPtr = std::shared_ptr<Stream>;

// Stands between a host's stack and its wire, and may change, drop or add packets: an odd peer, a
// middlebox. It calls `on` for each packet that shall go on, before it returns.
class Door {
public:
    using Pass = std::function<void(Packet)>;
    virtual ~Door() = default;
    // From the host to its wire.
    virtual void leaving(Packet packet, const Pass& on) { on(std::move(packet)); }
    // From the wire to the host.
    virtual void arriving(Packet packet, const Pass& on) { on(std::move(packet)); }
};

// Packets at a host's end of its wire.
struct HostTraffic {
    u64 arrived = 0;
    u64 unheard = 0;  // of these, while the host was down
    u64 left = 0;
    u64 doors_took_in = 0, doors_added_in = 0;
    u64 doors_took_out = 0, doors_added_out = 0;
};

// What a peer may do that no stack of ours does. Checksums stay right.
enum class Oddity : u8 {
    Renege,        // SACKs what arrived, and then drops it (RFC 2018 8)
    DivideAcks,    // acknowledges in small steps what it could in one (RFC 3465 2.3)
    ShrinkWindow,  // takes back a part of the window that it offered (RFC 9293 3.8.6)
    CloseWindow,   // offers none, and does not tell when it is open again
};
inline constexpr Oddity k_oddities[] = {Oddity::Renege, Oddity::DivideAcks, Oddity::ShrinkWindow,
                                        Oddity::CloseWindow};
std::string_view name_of(Oddity oddity);  // "renege", "divide-acks", ...

// Of a host, and of its stack after each restart.
struct HostOptions {
    u64 memory_limit = u64{64} << 20;  // of its stack's records; packets count with the world's
    Limits limits = {};
};

// A host with one address and one wire. It is up from when it has its wire, unless stopped.
class Host final : public Node {
public:
    ~Host() override;

    IpAddress address() const;  // as given to World::host()
    bool is_up() const;
    Instant clock() const;  // the host's own, see World::jump_clock

    // Runs when the world runs on, and after each restart: whatever the host is to do. What was
    // called outside of it does not come back after a restart.
    void on_start(std::function<void()> program);
    // Runs once, unless the host goes down before.
    void after(Duration delay, std::function<void()> action);

    // Throws std::invalid_argument when the port is in use, and std::logic_error while the host is
    // down, as stack() does.
    void listen(u16 port, std::function<void(StreamPtr)> on_accept,
                const ListenOptions& options = {});
    // What goes wrong is told by on_closed.
    StreamPtr connect(Endpoint to, const ConnectOptions& options = {});
    // The same to the address of a host.
    StreamPtr connect(const Host& to, u16 port, const ConnectOptions& options = {}) {
        return connect({to.address(), port}, options);
    }

    // Opens a UDP port; throws as listen() does.
    void on_datagram(u16 port, std::function<void(Datagram)> receive);
    // From a port that on_datagram() opened.
    Result<void> send_datagram(u16 from, Endpoint to, std::span<const std::byte> data);

    // The stack itself, for everything else; ask for it again in each callback or action. Events
    // of what you open on it go to on_event.
    Stack& stack();
    // Called in the turn of the world, for events of handles that were opened by stack().
    void on_event(std::function<void(const Event&)> told);
    // The event log, of the stacks after a restart too.
    void observe(Observer* observer);
    Observer* observer() const;  // null: none
    // Of all its stacks so far, those of restarts included.
    Counters counters() const;
    const HostTraffic& traffic() const;  // since the beginning
    // From now on Stack::broken_invariant() is asked after everything that happens to the stack.
    void watch_invariants();
    // The first one that did not hold, and when; empty: all did.
    const std::string& broken_invariant() const;
    u64 memory_limit() const;  // bytes
    // The last one added is the next to the wire. It outlives every run of the world.
    void add_door(Door& door);

    // Loses power: connections, timers and what it had to send are gone. Faults by time are in
    // World. From a callback of the same host it happens right after the callback.
    void stop();
    // After stop(): a new stack, for which the program of on_start() runs.
    void start();

private:
    friend class World;
    friend class Stream;
    friend struct WorldInside;
    struct TERN_LOCAL Inside;
    Host(WorldInside& world, std::string name, Cidr address, const HostOptions& options);
    u32 attach(Lane& out) override;
    void arrive(u32 port, PacketBatch&& batch) override;

    std::unique_ptr<Inside> inside_;
};

// Packets by what became of them.
struct RouterCounters {
    u64 forwarded = 0;
    u64 ttl_exceeded = 0, no_route = 0, too_big = 0, malformed = 0;
    u64 icmp_sent = 0;
};

// Forwards IPv4. It finds the route to every host by itself (fewest hops); route() overrides that.
class Router final : public Node {
public:
    ~Router() override;
    // Of the ICMP errors that it sends.
    Ipv4Address address() const;
    // The longest prefix wins. `wire` ends at this router.
    void route(std::string_view destination, const class Wire& wire);
    const RouterCounters& counters() const;  // since the beginning

private:
    friend class World;
    friend struct WorldInside;
    struct TERN_LOCAL Inside;
    Router(WorldInside& world, std::string name, Ipv4Address address);
    u32 attach(Lane& out) override;
    void arrive(u32 port, PacketBatch&& batch) override;

    std::unique_ptr<Inside> inside_;
};

// One direction of a wire. Every packet that entered is delivered, lost somewhere below, or still
// under way; a duplicate counts as one more that entered.
struct LaneCounters {
    u64 entered = 0, delivered = 0, delivered_bytes = 0;
    u64 cut = 0;            // a partition took it
    u64 lost = 0;           // by chance or by number
    u64 queue_dropped = 0;  // the queue was full, or CoDel wanted it shorter
    u64 memory_dropped = 0;
    u64 too_big = 0;  // a fault had made the MTU smaller
    u64 duplicated = 0, corrupted = 0, reordered = 0;
    // Packets in the queue or on their way.
    u64 under_way() const {
        return entered + duplicated - delivered - cut - lost - queue_dropped - memory_dropped -
               too_big;
    }
};

// A direction of a wire: There is from its a() to its b().
enum class Way : u8 { There, Back };

// Carries IP packets of up to `mtu` bytes; `rate` counts their bits and nothing else.
class Wire {
public:
    ~Wire();
    Wire(const Wire&) = delete;
    const std::string& name() const;  // "a-b"
    Node& a() const;                  // the first given to World::wire()
    Node& b() const;                  // the second
    u32 mtu() const;                  // bytes of an IP packet
    // From now on packets of this direction are lost.
    void cut(Way way);
    // Ends a cut(); without one it does nothing.
    void heal(Way way);
    // From now on.
    void change(Way way, const Impairment& impairment);
    const Impairment& impairment(Way way) const;  // now in force
    LaneCounters counters(Way way) const;         // since the beginning
    // How long the packet that came out last was under way, and the longest since the last call
    // of worst_delay().
    Duration last_delay(Way way) const;
    // Reading it begins anew.
    Duration worst_delay(Way way);

private:
    friend class World;
    friend class Router;
    friend struct WorldInside;
    struct TERN_LOCAL Inside;
    explicit Wire(std::unique_ptr<Inside> inside);
    std::unique_ptr<Inside> inside_;
};

// What decides a run.
struct WorldOptions {
    u64 seed = 1;
    u64 memory_limit = u64{4} << 30;  // of all packets
};

// Time, schedule and chance of everything in it.
class World {
public:
    // Empty, at Instant{}.
    explicit World(const WorldOptions& options = {});
    ~World();
    World(const World&) = delete;

    // Names and addresses are for one each. "10.0.0.1/24"
    Host& host(const std::string& name, std::string_view address, const HostOptions& options = {});
    // Throws std::invalid_argument: the name is taken.
    Router& router(const std::string& name);
    Host* find_host(std::string_view name) const;  // null: no host of that name
    // Throws std::invalid_argument: one node twice, a host that has its wire, or an MTU outside of
    // 68 to 65535 bytes.
    Wire& wire(Node& a, Node& b, const Impairment& both = {}, u32 mtu = 1500);
    // The same with a fault for each direction.
    Wire& wire(Node& a, Node& b, const Impairment& there, const Impairment& back, u32 mtu = 1500);

    Instant now() const;  // Instant{} at the beginning
    u64 seed() const;     // as given
    // A number for your own chance, the same for the same seed and purpose.
    u64 seed_for(std::string_view purpose) const;

    // Runs once; a time that has passed means now.
    void at(Instant when, std::function<void()> action);
    // The same from now on.
    void after(Duration delay, std::function<void()> action) {
        at(now() + delay, std::move(action));
    }
    // Does all that happens before then, or at it, in order.
    void run_until(Instant when);
    // The same from now on.
    void run_for(Duration d) { run_until(now() + d); }
    // Until done() holds, asked after each event; false: it did not within `at_most`.
    bool run_until(const std::function<bool()>& done, Duration at_most);

    // Faults by time. Each must have struck something when finish() is called: a partition must
    // have lost a packet, in whichever way, a loss of 1 % one of those that passed while it was on,
    // and so on.
    void partition(Wire& wire, Instant from, Instant until);
    // The same for one direction.
    void partition(Wire& wire, Way way, Instant from, Instant until);
    // As Wire::change(), at that time.
    void change(Wire& wire, Way way, Instant when, const Impairment& impairment);
    // Loses power then, and has it again after `down`.
    void restart(Host& host, Instant when, Duration down = {});
    void jump_clock(Host& host, Instant when, Duration ahead);  // clocks never run back
    // Packets above `mtu` are lost meanwhile; a router in front of the wire tells the sender.
    void shrink_mtu(Wire& wire, u32 mtu, Instant from, Instant until);
    // Between these times the host does what Oddity says.
    void make_odd(Host& host, Oddity oddity, Instant from, Instant until);

    // The faults so far that hit nothing, the ones given to wire() included.
    std::vector<std::string> never_struck() const;
    // Of the faults by time.
    struct FaultCount {
        u32 asked = 0, struck = 0;
    };
    FaultCount faults() const;  // of those by time
    // The end of a run: throws FaultNeverStruck when there are such.
    void finish() const;

    // Of every packet that came out of a wire, bytes and time, of every event that a host was told,
    // and of every fault: equal runs have equal digests, on any machine and build.
    u64 digest() const;
    u64 events() const;                // how many things happened
    u64 memory_used() const;           // bytes, of WorldOptions::memory_limit
    u64 packets() const;               // that exist: under way, and in the queues of hosts
    std::vector<Host*> hosts() const;  // in the order in which they were made
    std::vector<Wire*> wires() const;  // likewise

private:
    std::unique_ptr<WorldInside> inside_;
};

}  // namespace sim
}  // namespace tern
