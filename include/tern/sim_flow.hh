// Loads for simulated hosts (sim.hh): streams of bytes that are checked at the other end. They
// outlive every run of their world in which they take part.
#pragma once

#include <optional>

#include "tern/export.hh"
#include "tern/sim.hh"

namespace tern TERN_API {
namespace sim {

// One transfer.
struct BulkOptions {
    u64 bytes = 1'000'000;
    u16 port = 80;
    Duration start{};
    bool retry = false;  // when the connection breaks: all of it again, on a new one
    TcpOptions tcp = {};
};

// One connection, one way, as fast as TCP allows.
class Bulk {
public:
    // Begins at BulkOptions::start of the world, or now if that has passed.
    Bulk(World& world, Host& from, Host& to, const BulkOptions& options = {});
    ~Bulk();
    Bulk(const Bulk&) = delete;

    u64 received() const;                     // of the attempt that is under way
    bool intact() const;                      // every byte so far was the right one
    bool done() const;                        // all of it arrived, and the end of the stream
    std::optional<Instant> finished() const;  // when done() became true
    Error error() const;                      // why the last connection broke
    u32 attempts() const;                     // connections opened
    double bits_per_second() const;           // of what the receiver got, since the start
    // Of the sender; the last known one when its connection is over.
    const TcpStatus& status();

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

// A conversation.
struct RequestOptions {
    u64 count = 100;
    u32 request = 64, response = 1024;  // bytes
    u16 port = 7;
    Duration start{}, interval{};  // a request follows the response before it, that much later
    TcpOptions tcp = {};
};

// One connection: a request, its response, and so on.
class Requests {
public:
    // As for Bulk.
    Requests(World& world, Host& from, Host& to, const RequestOptions& options = {});
    ~Requests();
    Requests(const Requests&) = delete;

    u64 completed() const;                           // responses that came in full
    bool intact() const;                             // every byte so far was the right one
    bool done() const;                               // all of `count`
    std::optional<Instant> finished() const;         // when done() became true
    Error error() const;                             // why the connection broke
    const std::vector<Duration>& latencies() const;  // of the completed ones, in order
    // Of the client; the last known one when its connection is over.
    const TcpStatus& status();

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

// Some connections, and what each carries.
struct ExchangeOptions {
    u32 count = 1;        // connections
    Duration interval{};  // from the start of one to the start of the next
    u64 there = 100'000;  // bytes that each client sends, and
    u64 back = 100'000;   // that each server sends; who has sent all closes, and goes on reading
    u16 port = 9;
    Duration start{};
    bool simultaneous = false;  // both hosts connect, to each other: one connection
    u32 abort_every = 0;        // each n-th client aborts when half of `back` has arrived; 0: none
    Duration pause{};           // readers stop reading for that long, again and again
    bool retry = false;         // a connection that broke is made again
    TcpOptions tcp = {};
};

// Both ways at once on each of some connections: bulk both ways, half-closes, aborts, many short
// connections.
class Exchange {
public:
    // As for Bulk.
    Exchange(World& world, Host& from, Host& to, const ExchangeOptions& options = {});
    ~Exchange();
    Exchange(const Exchange&) = delete;

    u64 received() const;   // bytes, by both sides, of all attempts
    bool intact() const;    // every byte was the right one, and every end came behind the last
    bool done() const;      // each connection has ended as it should; after that:
    bool lost_any() const;  // a client saw its bytes acknowledged that no server has received
    u32 completed() const;  // connections that ended as they should
    u32 aborted() const;    // on purpose
    u32 attempts() const;   // connections opened
    std::optional<Instant> finished() const;  // when done() became true
    Error error() const;                      // why the last connection broke
    const TcpStatus& status();                // of the last client

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

// A stream of datagrams.
struct DatagramOptions {
    u32 count = 100;
    u32 size = 200;  // bytes, at least 8
    u16 port = 5000;
    Duration start{}, interval = std::chrono::milliseconds(10);
};

// Numbered datagrams from one host to another.
class Datagrams {
public:
    // As for Bulk.
    Datagrams(World& world, Host& from, Host& to, const DatagramOptions& options = {});
    ~Datagrams();
    Datagrams(const Datagrams&) = delete;

    u32 sent() const;      // so far
    u32 received() const;  // duplicates too
    bool intact() const;   // each one is one that was sent

private:
    struct TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace sim
}  // namespace tern
