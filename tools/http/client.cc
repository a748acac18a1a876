#include "http/client.hh"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/core.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t k_chunk = 512 * 1024;

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

// "bytes 100-199/1000" or "bytes */1000".
void read_content_range(std::string_view text, FetchHead& head) {
    if (!text.starts_with("bytes ")) return;
    text.remove_prefix(6);
    const std::size_t slash = text.find('/');
    if (slash == text.npos) return;
    u64 value = 0;
    const std::string_view size = text.substr(slash + 1);
    if (std::from_chars(size.data(), size.data() + size.size(), value).ec == std::errc{}) {
        head.complete = value;
    }
    if (std::from_chars(text.data(), text.data() + slash, value).ec == std::errc{}) {
        head.first = value;
    }
}

}  // namespace

struct Fetch::Inside : std::enable_shared_from_this<Fetch::Inside> {
    Inside(asio::context& c, FetchOptions o, FetchSink s, std::function<void(FetchResult)> d)
        : context(c), options(std::move(o)), sink(std::move(s)), done(std::move(d)), stream(c),
          timer(stream.get_executor()) {}

    net::awaitable<void> run();
    net::awaitable<void> connect(error_code& error);
    net::awaitable<void> transfer();
    void make_request();
    net::awaitable<void> body(http::response_parser<http::buffer_body>& parser);
    net::awaitable<void> plain_body(u64 length);
    void limit(Duration how_long);
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
    net::steady_timer timer;
    http::request<http::empty_body> request;
    boost::beast::flat_buffer buffer;
    std::vector<char> chunk;
    FetchResult result;
    bool cancelled = false, timed_out = false;
};

void Fetch::Inside::limit(Duration how_long) {
    timer.expires_after(how_long);
    timer.async_wait([weak = weak_from_this()](error_code error) {
        if (error) return;
        if (auto self = weak.lock()) {
            self->timed_out = true;
            self->stream.cancel();
        }
    });
}

void Fetch::Inside::transfer_failed(error_code error) {
    if (cancelled) return fail(k_interrupted, "interrupted; --resume goes on from here");
    if (timed_out) error = net::error::timed_out;
    std::string why = error.message();
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
    timer.cancel();
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
    timer.cancel();
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

net::awaitable<void> Fetch::Inside::transfer() {
    error_code error;
    limit(options.stall_timeout);
    if (!options.connect.fast_open) {
        co_await http::async_write(stream, request, into(error));
        if (error) co_return transfer_failed(error);
    }

    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(stream, buffer, parser, into(error));
    timer.cancel();
    if (error) co_return transfer_failed(error);
    const auto& response = parser.get();
    result.head.status = response.result_int();
    result.head.reason = response.reason();
    result.head.location = response[http::field::location];
    result.head.partial = response.result() == http::status::partial_content;
    if (parser.content_length()) result.head.length = *parser.content_length();
    read_content_range(response[http::field::content_range], result.head);
    if (sink.on_head(result.head)) co_await body(parser);
}

// A body of known length needs no parser: bytes go from the stream to the sink. Any other goes
// through Beast.
net::awaitable<void> Fetch::Inside::body(http::response_parser<http::buffer_body>& parser) {
    chunk.resize(k_chunk);
    if (parser.content_length() && !parser.chunked()) {
        co_return co_await plain_body(*parser.content_length());
    }
    error_code error;
    while (!parser.is_done()) {
        parser.get().body().data = chunk.data();
        parser.get().body().size = chunk.size();
        limit(options.stall_timeout);
        co_await http::async_read(stream, buffer, parser, into(error));
        if (error == http::error::need_buffer) error = {};
        const std::size_t n = chunk.size() - parser.get().body().size;
        result.bytes += n;
        if (!sink.on_body({chunk.data(), n})) co_return fail(k_transfer, "cannot store the file");
        if (error || cancelled) co_return transfer_failed(error);
    }
}

net::awaitable<void> Fetch::Inside::plain_body(u64 length) {
    // What came together with the header.
    const std::size_t early = std::min<u64>(buffer.size(), length);
    const auto* data = static_cast<const char*>(buffer.data().data());
    result.bytes = early;
    if (!sink.on_body({data, early})) co_return fail(k_transfer, "cannot store the file");
    buffer.consume(early);
    error_code error;
    while (result.bytes < length) {
        const std::size_t room = std::min<u64>(chunk.size(), length - result.bytes);
        limit(options.stall_timeout);
        const std::size_t n =
            co_await stream.async_read_some(net::buffer(chunk.data(), room), into(error));
        result.bytes += n;
        if (!sink.on_body({chunk.data(), n})) co_return fail(k_transfer, "cannot store the file");
        if (error || cancelled) co_return transfer_failed(error);
    }
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

}  // namespace tern::tools
