// Loads for simulated hosts (sim.hh): streams of bytes that are checked at the other end. They
// outlive every run of their world in which they take part.
#pragma once

#include <optional>

#include "tern/sim.hh"

namespace tern::sim {

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
    Bulk(World& world, Host& from, Host& to, const BulkOptions& options = {});
    ~Bulk();
    Bulk(const Bulk&) = delete;

    u64 received() const;  // of the attempt that is under way
    bool intact() const;   // every byte so far was the right one
    bool done() const;     // all of it arrived, and the end of the stream
    std::optional<Instant> finished() const;
    Error error() const;  // why the last connection broke
    u32 attempts() const;
    double bits_per_second() const;  // of what the receiver got, since the start
    // Of the sender; the last known one when its connection is over.
    const TcpStatus& status();

private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

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
    Requests(World& world, Host& from, Host& to, const RequestOptions& options = {});
    ~Requests();
    Requests(const Requests&) = delete;

    u64 completed() const;
    bool intact() const;
    bool done() const;
    std::optional<Instant> finished() const;
    Error error() const;
    const std::vector<Duration>& latencies() const;  // of the completed ones, in order
    const TcpStatus& status();

private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace tern::sim
