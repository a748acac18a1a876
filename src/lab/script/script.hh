// Script: a conversation with one stack in packet lines, in exact virtual time. The stack is
// 10.0.0.1, the script plays its peer 10.0.0.2. See README.md for the verbs; on_gtest.hh makes a
// script a test.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "lab/script/line.hh"
#include "tern/stack.hh"

namespace tern::script {

// The stack does not do what the script says. what() is the story so far and the difference.
class Failure : public std::runtime_error {
public:
    Failure(const std::string& text, std::source_location at)
        : std::runtime_error(text), where(at) {}
    std::source_location where;
};

// What the peer says in its SYN, and about its window after it.
struct Peer {
    u16 mss = 1460;  // 0: no option
    bool sack = false;
    std::optional<u8> wscale = 7;  // {}: no option
    bool timestamps = false;
    u32 window = 65535;             // bytes; from the third segment on
    u16 initial_cwnd_segments = 0;  // the stack's; 0: its Limits
};

// The stack, before the first verb touches it.
struct Setup {
    // Without pacing: a script says what leaves now, not when the rest of a window follows.
    Limits limits{.tcp_pacing = false};
    // Reno, whose numbers RFC 5681 lets a reader check.
    TcpOptions tcp{.congestion = "reno"};
    ListenOptions listen;  // `local` and `options` are filled in
    u32 mtu = 1500;
    bool segmentation = false;       // the link takes super-segments
    bool transmit_checksum = false;  // the link completes checksums
    bool header_prediction = true;
    u64 seed = 1;
    u64 memory_limit = u64{256} << 20;
    u16 server_port = 80;
    u16 client_port = 40000;
    Observer* observer = nullptr;  // is told as well
    u32 peer_isn = 1'000'000'000;  // absolute number of the peer's SYN
};

// What a line cannot say about an injected segment.
struct Twist {
    std::optional<std::string> payload{};  // instead of the pattern; its length is the line's
    std::optional<std::string> options{};  // raw option bytes instead of the line's
    bool bad_checksum = false;
    u8 ttl = 64;
    u8 tos = 0;
    std::optional<Ipv4Address> source{};  // instead of the peer's
    std::optional<Ipv4Address> destination{};
};

struct Icmp {
    u8 type = 3;
    u8 code = 0;
    u32 seq = 1;                        // relative number of the segment it quotes
    u16 mtu = 0;                        // with type 3 code 4
    u32 quote_bytes = 8;                // of the TCP header; 8 is what RFC 792 asks for
    std::optional<Ipv4Address> from{};  // a router; default: the peer
};

using Where = std::source_location;
struct Flow;

class Script {
public:
    // The application on a connection. Bytes are a pattern of their offset in the stream, checked
    // where they arrive: by read() and in every segment that the stack sends.
    class App {
    public:
        // Errors are failures of the script; the try_ forms hand them back.
        std::size_t write(std::size_t n, Where at = Where::current());
        std::size_t write(std::string_view bytes, Where at = Where::current());
        Result<std::size_t> try_write(std::size_t n);
        void urgent(std::size_t n, Where at = Where::current());
        // Reads at most n bytes that are there now; 0: nothing, or the end.
        std::size_t read(std::size_t n, Where at = Where::current());
        std::size_t read_all(Where at = Where::current());
        Result<std::size_t> try_read(std::size_t n, Where at = Where::current());
        std::string read_bytes(std::size_t n);  // unchecked
        Result<std::byte> read_urgent();
        bool at_end();  // receive() says EndOfStream
        void close(Where at = Where::current());
        void abort(Where at = Where::current());
        void release();
        u16 events() const;   // all bits so far
        u16 take_events();    // bits since the last take_events()
        Error error() const;  // of the Closed event, else of status()
        TcpConnection handle() const { return handle_; }
        explicit operator bool() const { return bool(handle_); }

    private:
        friend class Script;
        Result<std::size_t> send(std::string_view bytes);
        Script* script_ = nullptr;
        TcpConnection handle_;
        Flow* flow_ = nullptr;
        std::size_t read_ = 0;  // offset in the peer's stream
    };

    Script();
    ~Script();
    Script(const Script&) = delete;

    Setup setup;  // change it before the first verb
    App app;

    // --- opening and closing, as whole conversations
    void passive_open(const Peer& peer = {}, Where at = Where::current());
    void active_open(const Peer& peer = {}, Where at = Where::current());
    // passive_open() unless a connection is there; ends in TIME-WAIT, at sequence numbers 2 and 2
    // when no data was sent.
    void active_close(const Peer& peer = {}, Where at = Where::current());
    void passive_close(Where at = Where::current());  // ends in CLOSED

    // --- the calls one by one
    void listen(Where at = Where::current());
    void connect(Where at = Where::current());  // SYN is then to be expected
    // A fast open (RFC 7413): SYN leaves when n bytes have been given.
    void connect_sending(std::size_t n, Where at = Where::current());
    Result<void> try_connect(bool fast_open = false);
    void accept(Where at = Where::current());  // becomes `app`
    Result<App> try_accept();
    void options(const TcpOptions& options);  // of the next OPEN and of the living connection

    // --- packets
    void inject(const Line& line, const Twist& twist = {});
    void inject_together(std::initializer_list<Line> lines);  // one batch
    void inject_raw(std::span<const std::byte> ip_packet);
    void icmp(const Icmp& icmp, Where at = Where::current());
    // The next packet, or the next ones when they make up one range together. The last of them.
    wire::PacketLine expect(const Line& line);
    wire::PacketLine expect_at(Duration since_start, const Line& line);
    // Sent within this time from now, whenever; the script's time stops there.
    Duration expect_within(Duration at_most, const Line& line);
    void expect_icmp(u8 type, u8 code, Where at = Where::current());
    std::optional<wire::PacketLine> next();  // the next packet as it is; none: nothing is there
    std::string next_raw(Where at = Where::current());  // its bytes from the IP header
    std::size_t waiting() const;                        // packets sent and not yet expected
    void ignore_output();                               // forgets them, from here to the next verb
    void quiet(Duration d = {}, Where at = Where::current());  // time passes, nothing is sent
    void advance(Duration d);  // time passes, packets wait for expect()

    // --- what can be asked
    void state(State wanted, Where at = Where::current());
    State state() const;
    TcpStatus status(Where at = Where::current());
    u64 drops(DropReason reason) const;
    const Counters& counters() const;
    Tcp::Count count();
    Duration elapsed() const;  // since the start
    Stack& stack();            // for what has no verb; then call pump()
    TcpListener listener() const;
    Interface interface() const;
    PacketPool& pool();

    // --- the peer
    // Lines are about this flow from now on; ports as the stack sees them.
    void flow(u16 local_port, u16 remote_port);
    void peer_port(u16 port) { flow(setup.server_port, port); }
    void peer_isn(u32 absolute);    // of this flow
    u32 iss() const;                // absolute; 0: no SYN was seen
    void auto_timestamps(bool on);  // of this flow: lines without TS get one

    // --- for the macros
    void pump();
    void check(bool holds, const char* text, Where at = Where::current());
    [[noreturn]] void fail(const std::string& what, Where at);
    std::string story() const;
    // What is wrong when all is over: packets nobody expected, packets that leaked. Ends the
    // stack.
    std::string finish();

private:
    friend class App;
    struct Inside;
    struct Sent;
    void start();
    void examine();
    void run_until(Instant target);
    Instant time_of(const wire::PacketLine& line) const;
    Packet build(const wire::PacketLine& line, const Twist& twist, Where at);
    void deliver(PacketBatch&& batch);
    wire::PacketLine match(const wire::PacketLine& wanted, Instant at, Where where);
    std::string difference(const wire::PacketLine& wanted, const Sent& got) const;
    std::string peer_syn(const Peer& peer) const;
    std::string third_window(const Peer& peer) const;
    void prepare(const Peer& peer, Where at);
    App adopt(TcpConnection handle);

    std::unique_ptr<Inside> inside_;
};

// Byte number `offset` of a stream; the peer's and the stack's differ.
char pattern(bool from_stack, u64 offset);
std::string pattern(bool from_stack, u64 offset, std::size_t n);

// Told what every script's stack tells, for records across tests. Null: nobody.
void set_witness(Observer* witness);
// Makes one more for each script, which follows the one stack. Null: none.
void set_follower(std::unique_ptr<Observer> (*make)());

}  // namespace tern::script
