// A file server over HTTP/1.1 on a tern context. Its memory is bounded: by the number of sessions,
// and by a budget for what their requests and answers hold.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tern/asio.hh"

namespace tern::tools {

struct ServerOptions {
    // Heap of the server for each session that it may have: what a session itself takes, and its
    // share of what heads and listings take.
    static constexpr u64 k_heap_a_session = 8 * 1024;

    std::filesystem::path root;
    ListenOptions listen;
    bool one_request = false;  // close after each response
    // Connections that may be open, at least 1. Another one takes the place of the one that is
    // missed least: see Sessions.
    u32 sessions = 4096;
    // Silence that ends a session: between requests, and of a client that does not take its answer.
    Duration idle = std::chrono::seconds(60);
    // A request's head must be whole so long after its first byte, or after the connection opened.
    Duration head = std::chrono::seconds(30);

    u64 heap() const { return sessions * k_heap_a_session; }  // bytes, beside the stack's memory
};

struct AccessRecord {
    i64 time = 0;  // nanoseconds since 1970: when the request had arrived
    Endpoint peer;
    std::string method, target;
    unsigned status = 0;
    u64 bytes = 0;  // of the body
    Duration took{};
    bool complete = true;  // false: the connection broke before the end
    std::string why;       // then
};

struct ServerTotals {
    u64 connections = 0, open = 0, requests = 0, bytes = 0, transfers = 0;
    u64 evicted = 0;  // sessions that had to make room for others
    u64 heap = 0;     // bytes that sessions, heads and listings take now; at most heap() of options
};

class HttpServer {
public:
    // Throws boost::system::system_error when it cannot listen.
    HttpServer(asio::context& context, ServerOptions options,
               std::function<void(const AccessRecord&)> log);
    ~HttpServer();
    LocalEndpoint local_endpoint() const;
    const ServerTotals& totals() const;
    // No new connections; those that are open end.
    void stop();

    struct Inside;

private:
    std::shared_ptr<Inside> inside_;
};

}  // namespace tern::tools
