// Fetches one URL over HTTP/1.1 on a tern context.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "exit_code.hh"
#include "http/url.hh"
#include "tern/asio.hh"

namespace tern::tools {

// Bytes that the heads of an answer may take together, interim answers included.
constexpr std::size_t k_answer_head_most = 64 * 1024;

struct FetchOptions {
    Url url;
    u64 offset = 0;  // not 0: ask for the rest from there on
    bool keep_alive = false;
    ConnectOptions connect;
    Duration connect_timeout = std::chrono::seconds(15);
    // Silence that ends the transfer; any byte that arrives is progress.
    Duration stall_timeout = std::chrono::seconds(60);
};

// The answer's head: status, whether it is the part that was asked for, what is to come.
struct FetchHead {
    unsigned status = 0;
    std::string reason;
    bool partial = false;      // 206, or 416: `first` and `complete` are meant
    std::optional<u64> first;  // Content-Range: the part that is to come
    std::optional<u64> last;
    std::optional<u64> length;    // of the body
    std::optional<u64> complete;  // Content-Range: size of the whole
    std::optional<std::string> location;
    bool empty = false;  // it has no body, whatever its length: 204, 205, 304
};

struct FetchResult {
    ExitCode code = k_ok;
    std::string error;
    FetchHead head;
    u64 bytes = 0;
    Duration connect_time{}, total_time{};
    bool fast_open = false;  // the request went in SYN, and the server took it
    Endpoint local;
};

struct FetchSink {
    // False: the body is not wanted.
    std::function<bool(const FetchHead&)> on_head;
    // False: it could not be stored; `error` of the result says so.
    std::function<bool(std::span<const char>)> on_body;
};

// `done` is called once, from the io_context. `cancel` stops it early.
class Fetch {
public:
    Fetch(asio::context& context, FetchOptions options, FetchSink sink,
          std::function<void(FetchResult)> done);
    void cancel();
    // Its local endpoint; without an address before it connects.
    Endpoint local() const;

private:
    struct Inside;
    std::shared_ptr<Inside> inside_;
};

}  // namespace tern::tools
