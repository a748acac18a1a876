// A file server over HTTP/1.1 on a tern context, with Boost.Beast.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tern/asio.hh"

namespace tern::tools {

struct ServerOptions {
    std::filesystem::path root;
    ListenOptions listen;
    bool one_request = false;  // close after each response
    Duration idle = std::chrono::seconds(60);
};

struct AccessRecord {
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
};

class HttpServer {
public:
    // Throws boost::system::system_error when it cannot listen.
    HttpServer(asio::context& context, ServerOptions options,
               std::function<void(const AccessRecord&)> log);
    ~HttpServer();
    Endpoint local_endpoint() const;
    const ServerTotals& totals() const;
    // No new connections; those that are open end.
    void stop();

    struct Inside;

private:
    std::shared_ptr<Inside> inside_;
};

}  // namespace tern::tools
