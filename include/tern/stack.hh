// Stack: a whole TCP/IP host as one sans-I/O value. Five verbs carry everything:
//   receive(now, interface, batch)   packets in; the batch is given away
//   advance(now)                     timers that are due
//   next_event()                     what applications should know
//   transmit(now, interface)         packets out, at most one batch; call until it is empty
//   next_deadline()                  when to call advance() again
// A stack has no clock, no thread, no global and no lock; it belongs to one thread. `now` must
// never run backwards.
#pragma once

#include <memory>
#include <string>

#include "tern/export.hh"
#include "tern/limits.hh"
#include "tern/medium.hh"
#include "tern/steering.hh"
#include "tern/tcp.hh"
#include "tern/udp.hh"

namespace tern TERN_API {

// What a stack is made of.
struct StackConfig {
    // All chance of this stack comes from here: initial sequence numbers, ports, cookies. Outside
    // tests it must be 64 unpredictable bits of the operating system.
    u64 seed = 0;
    u64 memory_limit = u64{256} << 20;  // bytes, everything included; refuses, never aborts
    PacketPool* pool = nullptr;         // share one pool among stacks of a thread; null: its own
    Observer* observer = nullptr;       // the event log; may be set later
    Limits limits = {};
    Steering steering = {};  // of several stacks that are one host: which flows are ours
};

// A handle on what add_interface() made.
struct Interface {
    u8 index = 0;  // 1.. ; 0: none
    friend bool operator==(Interface, Interface) = default;
};

// The link as the stack has to know it.
struct InterfaceConfig {
    std::string name{};
    Medium medium = Medium::Ethernet;  // what the frames begin with, both ways
    MacAddress mac = {};
    u32 mtu = 1500;                  // 68 (RFC 791) to 65535
    u16 vlan = 0;                    // 0: untagged; at most 4094
    bool transmit_checksum = false;  // the link completes transport checksums
    bool segmentation = false;       // the link cuts super-segments (TSO)
};

// One thing that the application should know; which, says `kind`.
struct Event {
    // What the handle of the event is.
    enum class Kind : u8 { Tcp, Listener, Udp, Echo, Address } kind;
    Index index;  // with generation: the handle
    u32 generation;
    u16 bits;  // TcpEventBits or UdpEventBits
    // With Closed, SoftError, UdpError. Address: None, it is ours now; AddressNotAvailable,
    // somebody else has it.
    Error error;
    u64 user;                // as given at connect(), listen(), open()
    IpAddress address = {};  // Address: which one; `index` is the interface

    TcpConnection connection() const { return {index, generation}; }  // of Kind::Tcp
    TcpListener listener() const { return {index, generation}; }      // of Kind::Listener
    UdpSocket udp() const { return {index, generation}; }             // of Kind::Udp
};

// An answer to send_echo() (RFC 792).
struct EchoReply {
    IpAddress from;
    u16 identifier;
    u16 sequence;
    u8 ttl;
    Slice data;
};

// Counters that only grow. Drops by reason, packets by protocol, retransmissions.
struct Counters {
    u64 drops[k_drop_reason_count]{};
    u64 packets_in = 0, packets_out = 0, bytes_in = 0, bytes_out = 0;
    u64 tcp_segments_in = 0, tcp_segments_out = 0, tcp_retransmissions = 0;
    u64 tcp_predicted = 0;          // segments that header prediction took
    u64 tcp_joined = 0;             // of these: taken together with the one before them
    u64 tcp_alike = 0;              // segments out with the headers of the one before them
    u64 tcp_without_timestamp = 0;  // segments taken without the agreed timestamp (RFC 7323)
    u64 tcp_marks_in = 0;           // packets that had met congestion (RFC 3168: CE)
    u64 tcp_mark_reductions = 0;    // windows reduced because the peer told of marks
    u64 tcp_connections_opened = 0, tcp_connections_accepted = 0, tcp_cookies_sent = 0;
    // Connections that ended after the application had released them: Limits::tcp_orphan_timeout;
    // Limits::tcp_orphans, or memory.
    u64 tcp_orphans_timed_out = 0, tcp_orphans_evicted = 0;
    u64 tcp_fast_opens = 0;  // SYNs whose data was taken, by us or by a peer (RFC 7413)
    u64 udp_in = 0, udp_out = 0, icmp_in = 0, icmp_out = 0, arp_in = 0, arp_out = 0;
    // Packets that ended for this reason.
    u64 dropped(DropReason r) const { return drops[static_cast<u8>(r)]; }
};

// Something that should hold of every connection between two calls does not: a mistake of tern's.
struct BrokenInvariant {
    FlowId flow;  // empty: of the listeners or tables, and of no single connection
    std::string_view what;
};

// A host. Its calls are for one thread at a time and never wait.
class Stack {
public:
    // Sends nothing. The pool and the observer of the configuration must outlive it.
    explicit Stack(const StackConfig& config);
    ~Stack();
    // What was moved from may only be destroyed. Handles, and Tcp& and Udp&, stay good.
    Stack(Stack&&) noexcept;
    Stack(const Stack&) = delete;

    // InvalidArgument: a value outside its range. NotSupported: there are 255 already.
    Result<Interface> add_interface(const InterfaceConfig& config);
    // How an address comes into use (RFC 5227): at once, or after probing for a conflict.
    enum class Probe : bool { No, Yes };
    // NoSuchInterface, InvalidAddress (not IPv4, or none that a host can have), AlreadyExists.
    // After Probe::Yes an event of Kind::Address tells that it may be used, or the conflict.
    Result<void> add_address(Interface i, Cidr address, Probe probe = Probe::No);
    // NoSuchInterface; AddressNotAvailable: it was not there.
    Result<void> remove_address(Interface i, IpAddress address);
    // Whether ARP requests for the addresses of a prefix are answered (RFC 826).
    enum class Arp : bool { Silent, Answer };
    // Every address of `prefix` is ours on this interface, without a record of its own
    // (accept-any): a listener for every address accepts on it, listen() and connect() may name it,
    // echo requests are answered. It is no subnet: no route, no broadcast address, and never chosen
    // as a source by itself; so an Ethernet interface wants an address too. What a more specific
    // route, or subnet of an address, covers is not ours: with a prefix as wide as the subnet
    // itself give the neighbours routes, as 10.0.0.1/32. A thousand prefixes cost a packet what one
    // does. Arp::Silent: the prefix is routed to us, and nobody on the link may ask for its
    // addresses. NoSuchInterface, InvalidAddress (not IPv4, bits behind the prefix are set),
    // AlreadyExists (overlaps another prefix of the stack).
    Result<void> add_prefix(Interface i, Cidr prefix, Arp arp = Arp::Answer);
    // NoSuchInterface; AddressNotAvailable: was not added.
    Result<void> remove_prefix(Interface i, Cidr prefix);
    // A default route has the prefix 0.0.0.0/0. Of equal routes the one that was added first leads;
    // but what has one of our addresses as source leaves by that address's interface and the routes
    // of this interface alone (the strong host model of RFC 1122 3.3.4.2).
    Result<void> add_route(Cidr destination, Interface i, std::optional<IpAddress> gateway = {});
    // As when its device is gone: takes all addresses, prefixes and routes of an interface away.
    // Connections from there end as those do that nobody answers. NoSuchInterface.
    Result<void> clear_interface(Interface i);
    Result<void> add_neighbor(Interface i, IpAddress address, MacAddress mac);  // static
    // Forgets the hardware addresses that were learnt, not those of add_neighbor().
    void flush_neighbors();

    // What comes in at an interface that the stack does not have is dropped (LinkNoInterface), and
    // nothing ever leaves there: the batch is empty.
    void receive(Instant now, Interface i, PacketBatch&& batch);
    // Does what is due at `now`. Early calls do nothing.
    void advance(Instant now);
    // What is to leave there, at most a batch; call it until it is empty.
    PacketBatch transmit(Instant now, Interface i);
    // The oldest that was not told yet; none: all were.
    std::optional<Event> next_event();
    // Instant::max(): nothing pending.
    Instant next_deadline() const;

    Tcp& tcp();  // valid as long as the stack
    Udp& udp();  // likewise
    // ICMP echo. NoRoute, OutOfMemory, MessageTooLong.
    Result<void> send_echo(IpAddress to, u16 identifier, u16 sequence,
                           std::span<const std::byte> data);
    // The oldest that was not taken; an event of Kind::Echo tells that there are some.
    std::optional<EchoReply> next_echo_reply();

    // For packets that are given to receive().
    PacketPool& pool();
    const Counters& counters() const;  // since the beginning
    u64 memory_used() const;           // bytes, of StackConfig::memory_limit
    // Null: none. It must outlive the stack, or be replaced before it goes.
    void set_observer(Observer* observer);
    // Tests compare twins: with false every segment takes the eight steps, and leaves, by itself.
    void set_header_prediction(bool on);
    // Tests: the first invariant of TCP that does not hold; none: all do. RCV.NXT lies within the
    // window, SND.UNA =< SND.NXT =< the highest number sent, every count is what it counts. Walks
    // all records and all that they hold.
    std::optional<BrokenInvariant> broken_invariant() const;

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace tern
