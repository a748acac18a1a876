#include "http/client.hh"

#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/core.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include "http/head.hh"
#include "http/silence.hh"

namespace tern::tools {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t k_chunk = 512 * 1024;
constexpr std::size_t k_head_chunk = 16 * 1024;

auto into(error_code& error) { return net::redirect_error(net::use_awaitable, error); }

std::string connect_error(const Url& url, error_code error) {
    const std::string what = fmt::format("cannot connect to {}", url.server.to_string());
    if (error == net::error::connection_refused) {
        return what + ": connection refused: nothing listens on this port; is the server running?";
    }
    if (error == net::error::host_unreachable) {
        return what + ": the host does not answer: is it up, and in the network of --address?";
    }
    if (error == net::error::network_unreachable) {
        return what + ": no route leads there: add --gateway, or an --address in its network";
    }
    if (error == net::error::timed_out) {
        return what + ": no answer in time: is the address right, does a firewall drop it?";
    }
    return what + ": " + error.message();
}

// Takes the chunks of RFC 9112 7.1 apart; Beast does the work.
class ChunkedBody {
public:
    // `sink` gets the content; false: it could not be stored.
    explicit ChunkedBody(std::function<bool(std::span<const char>)> sink) : sink_(std::move(sink)) {
        parser_.body_limit(boost::none);
        parser_.eager(true);
        on_body_ = [this](u64, boost::beast::string_view bytes, error_code& error) {
            if (!sink_({bytes.data(), bytes.size()})) error = net::error::no_permission;
            return bytes.size();
        };
        parser_.on_chunk_body(on_body_);
        error_code error;
        put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", error);
    }
    bool done() const { return parser_.is_done(); }
    void put(std::string_view bytes, error_code& error) {
        waiting_ += bytes;
        while (!parser_.is_done() && !waiting_.empty()) {
            const std::size_t n =
                parser_.put(net::const_buffer{waiting_.data(), waiting_.size()}, error);
            waiting_.erase(0, n);
            if (error == http::error::need_more) {
                error = {};
                // Of a chunk's line or of the trailer: content never waits.
                if (waiting_.size() > k_answer_head_most) error = http::error::header_limit;
                return;
            }
            if (error) return;
        }
    }

private:
    std::function<bool(std::span<const char>)> sink_;
    std::function<std::size_t(u64, boost::beast::string_view, error_code&)> on_body_;
    http::response_parser<http::empty_body> parser_;
    std::string waiting_;
};

}  // namespace

struct Fetch::Inside : std::enable_shared_from_this<Fetch::Inside> {
    Inside(asio::context& c, FetchOptions o, FetchSink s, std::function<void(FetchResult)> d)
        : context(c), options(std::move(o)), sink(std::move(s)), done(std::move(d)), stream(c),
          silence(stream.get_executor()) {}

    net::awaitable<void> run();
    net::awaitable<void> connect(error_code& error);
    net::awaitable<void> transfer();
    void make_request();
    net::awaitable<std::optional<Response>> read_head();
    net::awaitable<void> plain_body(std::optional<u64> length);
    net::awaitable<void> chunked_body();
    net::awaitable<std::span<const char>> more(u64 most, error_code& error);
    bool store(std::span<const char> bytes);
    void limit(Duration silence);
    void fail(ExitCode code, std::string why) {
        result.code = code;
        result.error = std::move(why);
    }
    void transfer_failed(error_code error);

    asio::context& context;
    FetchOptions options;
    FetchSink sink;
    std::function<void(FetchResult)> done;
    asio::tcp_stream stream;
    Silence silence;
    http::request<http::empty_body> request;
    HeadBuffer head{k_answer_head_most};
    std::vector<char> chunk;
    FetchResult result;
    bool cancelled = false, timed_out = false;
};

void Fetch::Inside::limit(Duration how_long) {
    silence.start(how_long, weak_from_this(), [this] {
        timed_out = true;
        stream.cancel();
    });
}

void Fetch::Inside::transfer_failed(error_code error) {
    if (cancelled) return fail(k_interrupted, "interrupted; --resume goes on from here");
    if (timed_out) error = net::error::timed_out;
    std::string why = error.message();
    if (timed_out) why = "nothing came for --stall-timeout";
    if (error == net::error::eof || error == http::error::partial_message ||
        error == http::error::end_of_stream) {
        why = "the server closed the connection too early";
    }
    if (error == net::error::connection_reset) why = "the server reset the connection";
    fail(k_transfer, fmt::format("{} after {} bytes: try --resume", why, result.bytes));
}

net::awaitable<void> Fetch::Inside::run() {
    const auto self = shared_from_this();
    const Instant begin = context.runtime().now();
    error_code error;
    make_request();
    limit(options.connect_timeout);
    co_await connect(error);
    silence.stop();
    if (timed_out && !cancelled) error = net::error::timed_out;
    result.connect_time = context.runtime().now() - begin;
    result.local = stream.local_endpoint();
    if (cancelled) {
        fail(k_interrupted, "interrupted");
    } else if (error) {
        fail(k_cannot_connect, connect_error(options.url, error));
    } else {
        co_await transfer();
    }
    silence.stop();
    if (const auto status = stream.status()) result.fast_open = status->fast_open;
    result.total_time = context.runtime().now() - begin;
    stream.close();
    done(std::move(result));
}

// RFC 7413: a request that is written before SYN leaves may travel in it. It waits in the send
// queue otherwise; what goes wrong with it, the reading of the answer tells.
net::awaitable<void> Fetch::Inside::connect(error_code& error) {
    // With a name: GCC 12 destroys what a lambda within co_await has captured twice.
    const auto both = [this](auto handler) {
        stream.async_connect(options.url.server, options.connect, std::move(handler));
        if (!options.connect.fast_open) return;
        http::async_write(stream, request, [self = shared_from_this()](error_code, std::size_t) {});
    };
    auto token = into(error);
    co_await net::async_initiate<decltype(token), void(error_code)>(both, token);
}

void Fetch::Inside::make_request() {
    request = {http::verb::get, options.url.target, 11};
    request.set(http::field::host, options.url.host);
    request.set(http::field::user_agent, "tern");
    request.set(http::field::accept, "*/*");
    request.keep_alive(options.keep_alive);
    if (options.offset != 0) {
        request.set(http::field::range, fmt::format("bytes={}-", options.offset));
    }
}

namespace {

FetchHead head_of(const Response& response) {
    FetchHead head;
    head.status = response.status;
    head.reason = response.reason;
    head.partial = response.status == 206;
    head.location = response.location;
    head.empty = response.body == Response::Body::None;
    if (response.body == Response::Body::Length) head.length = response.length;
    if (const auto range = parse_content_range(response.content_range)) {
        head.first = range->first;
        head.last = range->last;
        head.complete = range->complete;
    }
    return head;
}

}  // namespace

net::awaitable<void> Fetch::Inside::transfer() {
    error_code error;
    limit(options.stall_timeout);
    if (!options.connect.fast_open) {
        co_await http::async_write(stream, request, into(error));
        if (error) co_return transfer_failed(error);
    }
    chunk.resize(k_chunk);
    const auto response = co_await read_head();
    if (!response) co_return;
    result.head = head_of(*response);
    if (!sink.on_head(result.head)) co_return;
    switch (response->body) {
        case Response::Body::None: co_return;
        case Response::Body::Length: co_return co_await plain_body(response->length);
        case Response::Body::UntilClose: co_return co_await plain_body(std::nullopt);
        case Response::Body::Chunked: co_return co_await chunked_body();
    }
}

// RFC 9110 15.2: any number of interim answers may come before the final one. All of them together
// have the room of one head, or a server could go on for ever.
net::awaitable<std::optional<Response>> Fetch::Inside::read_head() {
    std::size_t total = 0;
    for (;;) {
        HeadBuffer::Found found = head.look();
        while (found == HeadBuffer::Found::More) {
            error_code error;
            const auto bytes = co_await more(k_head_chunk, error);
            found = head.add({bytes.data(), bytes.size()});
            if (found == HeadBuffer::Found::More && error) {
                transfer_failed(error);
                co_return std::nullopt;
            }
        }
        std::string text = found == HeadBuffer::Found::Whole ? head.take() : "";
        total += text.size();
        if (found == HeadBuffer::Found::TooLong || total > k_answer_head_most) {
            fail(k_transfer, fmt::format("the header of the answer is longer than {} KiB",
                                         k_answer_head_most / 1024));
            co_return std::nullopt;
        }
        auto response = parse_response(text);
        if (response && response->status == 101) {
            response = std::unexpected("the server changes to a protocol nobody asked for");
        }
        if (!response) {
            fail(k_transfer, response.error());
            co_return std::nullopt;
        }
        if (!response->informational()) co_return std::move(*response);
    }
}

// At most `most` bytes, first those that came together with the head. Each piece is progress.
net::awaitable<std::span<const char>> Fetch::Inside::more(u64 most, error_code& error) {
    const std::size_t room = std::min<u64>(chunk.size(), most);
    const std::size_t n =
        co_await stream.async_read_some(net::buffer(chunk.data(), room), into(error));
    silence.touch();
    if (cancelled) error = net::error::operation_aborted;
    co_return std::span<const char>{chunk.data(), n};
}

bool Fetch::Inside::store(std::span<const char> bytes) {
    result.bytes += bytes.size();
    if (bytes.empty() || sink.on_body(bytes)) return true;
    fail(k_transfer, "cannot store the file");
    return false;
}

net::awaitable<void> Fetch::Inside::plain_body(std::optional<u64> length) {
    const std::string early{head.rest()};  // what came together with the header
    const u64 most = length.value_or(std::numeric_limits<u64>::max());
    if (!store({early.data(), std::min<u64>(early.size(), most)})) co_return;
    error_code error;
    while (result.bytes < most) {
        const auto bytes = co_await more(most - result.bytes, error);
        if (!store(bytes)) co_return;
        if (!length && error == net::error::eof) co_return;
        if (error) co_return transfer_failed(error);
    }
}

net::awaitable<void> Fetch::Inside::chunked_body() {
    const std::string early{head.rest()};
    ChunkedBody body{[this](std::span<const char> bytes) { return store(bytes); }};
    error_code error, wrong;
    body.put(early, wrong);
    while (!body.done() && !wrong && !error) {
        const auto bytes = co_await more(k_chunk, error);
        body.put({bytes.data(), bytes.size()}, wrong);
    }
    if (body.done() || result.code != k_ok) co_return;
    transfer_failed(wrong ? wrong : error);
}

Fetch::Fetch(asio::context& context, FetchOptions options, FetchSink sink,
             std::function<void(FetchResult)> done)
    : inside_(
          std::make_shared<Inside>(context, std::move(options), std::move(sink), std::move(done))) {
    net::co_spawn(
        inside_->stream.get_executor(), [self = inside_] { return self->run(); }, net::detached);
}

void Fetch::cancel() {
    inside_->cancelled = true;
    inside_->stream.cancel();
}

Endpoint Fetch::local() const { return inside_->stream.local_endpoint(); }

}  // namespace tern::tools
