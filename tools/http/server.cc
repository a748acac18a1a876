#include "http/server.hh"

#include <algorithm>
#include <sstream>
#include <unordered_set>
#include <vector>

#include <fmt/core.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include "http/files.hh"
#include "http/head.hh"
#include "http/silence.hh"
#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t k_chunk = 256 * 1024;
constexpr std::size_t k_chunk_least = 16 * 1024;
constexpr std::size_t k_head_most = 16 * 1024;
constexpr u64 k_session_heap = 4 * 1024;  // what a session takes by itself, rounded up
constexpr Duration k_goodbye = std::chrono::seconds(5);

auto into(error_code& error) { return net::redirect_error(net::use_awaitable, error); }

}  // namespace

class Session;

// Who is connected, and what they hold. At its limit a new session takes the place of the one that
// is missed least: one that says goodbye, then the one that has been silent the longest between
// requests, then the one that has been at its request the longest, then the one whose answer is
// taken the slowest. So who opens connections and does little with them makes room for others.
class Sessions {
public:
    Sessions(u32 most, u64 heap_most) : most_(most), heap_most_(heap_most) {}

    // Evicts until there is room for one more.
    void make_room(Instant now);
    void add(Session& session);
    void remove(Session& session);
    // Bytes of heap for what a request or an answer holds. False: there are no more.
    bool take(u64 bytes);
    void give(u64 bytes) { totals.heap -= bytes; }
    void end_all();

    ServerTotals totals;

private:
    void evict(Session& session);

    std::unordered_set<Session*> all_;
    u32 most_;
    u64 heap_most_;
};

struct HttpServer::Inside : std::enable_shared_from_this<HttpServer::Inside> {
    Inside(asio::context& context, ServerOptions o, std::function<void(const AccessRecord&)> l)
        : net_context(context), options(std::move(o)), log(std::move(l)),
          acceptor(context, options.listen), sessions(options.sessions, options.heap()),
          chunk(k_chunk) {}
    net::awaitable<void> accept();

    asio::context& net_context;
    ServerOptions options;
    std::function<void(const AccessRecord&)> log;
    asio::tcp_acceptor acceptor;
    Sessions sessions;
    // What is read of a file goes into the stack at once, so that one buffer serves everybody.
    std::vector<char> chunk;
    bool stopping = false;
};

// One connection.
class Session : public std::enable_shared_from_this<Session> {
public:
    enum class Phase { Goodbye, Idle, Request, Answer };

    Session(std::shared_ptr<HttpServer::Inside> server, asio::tcp_stream stream)
        : server_(std::move(server)), stream_(std::move(stream)), silence_(stream_.get_executor()),
          peer_(stream_.remote_endpoint()) {
        enter(Phase::Request);
        server_->sessions.add(*this);
    }
    ~Session() {
        charge(0);
        server_->sessions.remove(*this);
    }
    net::awaitable<void> run();
    void cancel() { stream_.cancel(); }
    // Ends it now. What an idle one was sent before still arrives.
    void evict();
    // Lower: missed less.
    std::pair<Phase, double> worth(Instant now) const;

private:
    using Header = http::response<http::empty_body>;

    void enter(Phase phase);
    net::awaitable<bool> serve_one();
    net::awaitable<HeadBuffer::Found> read_head();
    net::awaitable<void> answer(const Request& request);
    net::awaitable<void> answer_missing(const Request& request, NotFound why);
    net::awaitable<void> answer_text(const Request& request, http::status status, std::string body,
                                     std::string_view location = {});
    net::awaitable<void> answer_file(const Request& request, Found found);
    net::awaitable<void> send(std::string_view bytes);
    net::awaitable<void> send_file(const File& file, ByteRange range);
    net::awaitable<void> say_goodbye();
    std::size_t chunk_for(u64 left) const;
    bool charge(u64 bytes);
    void limit(Duration silence, std::string why);
    Header header_for(const Request& request, http::status status);

    std::shared_ptr<HttpServer::Inside> server_;
    asio::tcp_stream stream_;
    Silence silence_;
    Endpoint peer_;
    HeadBuffer head_{k_head_most};
    AccessRecord record_;
    error_code error_;
    std::string ended_;  // why we ended it ourselves
    u64 charged_ = 0;
    u64 moved_ = 0;  // bytes of this answer that the stack has taken
    Instant since_{};
    Phase phase_ = Phase::Request;
    bool keep_alive_ = true;
    bool timed_out_ = false;
};

void Sessions::make_room(Instant now) {
    while (all_.size() >= most_ || totals.heap + k_session_heap > heap_most_) {
        if (all_.empty()) return;
        evict(**std::ranges::min_element(
            all_, {}, [&](const Session* session) { return session->worth(now); }));
    }
}

void Sessions::evict(Session& session) {
    ++totals.evicted;
    all_.erase(&session);
    totals.heap -= k_session_heap;
    session.evict();
}

void Sessions::add(Session& session) {
    all_.insert(&session);
    totals.heap += k_session_heap;
    ++totals.connections;
    ++totals.open;
}

void Sessions::remove(Session& session) {
    --totals.open;
    if (all_.erase(&session) != 0) totals.heap -= k_session_heap;
}

bool Sessions::take(u64 bytes) {
    if (totals.heap + bytes > heap_most_) return false;
    totals.heap += bytes;
    return true;
}

void Sessions::end_all() {
    for (Session* session : all_) session->cancel();
}

void Session::enter(Phase phase) {
    phase_ = phase;
    since_ = server_->net_context.runtime().now();
    moved_ = 0;
}

std::pair<Session::Phase, double> Session::worth(Instant now) const {
    const double age = seconds_of(now - since_);
    if (phase_ != Phase::Answer) return {phase_, -age};
    // A new answer gets a good word in advance, which is worth less every second.
    return {phase_, static_cast<double>(moved_ + 64 * 1024) / (age + 1)};
}

void Session::evict() {
    ended_ = "evicted: the server has as many sessions as it may, and this one moved the least";
    keep_alive_ = false;
    charge(0);
    if (phase_ == Phase::Idle || phase_ == Phase::Goodbye) {
        stream_.close();
    } else {
        stream_.abort();
    }
}

// What this session holds for requests and answers, at most.
bool Session::charge(u64 bytes) {
    if (bytes > charged_ && !server_->sessions.take(bytes - charged_)) return false;
    if (bytes < charged_) server_->sessions.give(charged_ - bytes);
    charged_ = bytes;
    return true;
}

void Session::limit(Duration silence, std::string why) {
    silence_.start(silence, weak_from_this(), [this, why = std::move(why)] {
        timed_out_ = true;
        ended_ = why;
        // A client that does not take an answer would hold its bytes for as long as it likes.
        if (phase_ == Phase::Answer) {
            stream_.abort();
        } else {
            stream_.cancel();
        }
    });
}

net::awaitable<void> Session::run() {
    const auto self = shared_from_this();
    while (keep_alive_ && co_await serve_one()) {
        enter(Phase::Idle);
        head_.release();
        charge(head_.held());
    }
    co_await say_goodbye();
    silence_.stop();
}

// FIN, then what the peer still sends is thrown away until its own FIN: closing at once would
// turn unread data into a reset, which may destroy our response on its way.
net::awaitable<void> Session::say_goodbye() {
    if (server_->stopping || !stream_.is_open()) co_return;
    enter(Phase::Goodbye);
    timed_out_ = false;
    error_code error;
    stream_.shutdown(net::socket_base::shutdown_send, error);
    limit(k_goodbye, "");
    while (!error && !timed_out_) {
        // In all, and not each: a peer that never stops to send must not be listened to for ever.
        const Slice rest = co_await stream_.async_receive(into(error));
        if (!rest) break;
    }
}

// A head that is whole; More: the connection has ended, or was silent, before.
net::awaitable<HeadBuffer::Found> Session::read_head() {
    limit(phase_ == Phase::Idle ? server_->options.idle : server_->options.head,
          "the request did not become whole in time");
    HeadBuffer::Found found = head_.look();
    while (found == HeadBuffer::Found::More && may_begin_request(head_.rest())) {
        if (phase_ == Phase::Idle && !head_.empty()) {
            enter(Phase::Request);
            limit(server_->options.head, "the request did not become whole in time");
        }
        const Slice slice = co_await stream_.async_receive(into(error_));
        if (error_ || !slice) break;
        const auto bytes = slice.bytes();
        found = head_.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        if (!charge(head_.held())) error_ = net::error::no_memory;
        if (error_) break;
    }
    silence_.stop();
    co_return found;
}

namespace {

Request bad_request(http::status status, std::string why) {
    Request request;
    request.method = "?";
    request.refused = static_cast<unsigned>(status);
    request.why = std::move(why);
    return request;
}

}  // namespace

net::awaitable<bool> Session::serve_one() {
    const HeadBuffer::Found found = co_await read_head();
    Request request;
    if (found == HeadBuffer::Found::Whole) {
        request = parse_request(head_.take());
    } else if (found == HeadBuffer::Found::TooLong) {
        request = request_too_long(head_);
    } else if (error_ == net::error::no_memory) {
        request = bad_request(http::status::service_unavailable, "memory is exhausted");
    } else if (timed_out_ && phase_ == Phase::Request && !server_->stopping) {
        request = bad_request(http::status::request_timeout, ended_);
    } else if (!error_ && !head_.empty()) {
        request = bad_request(http::status::bad_request, "this is no HTTP request");
    } else {
        co_return false;  // the connection ended between two requests
    }
    error_ = {};
    enter(Phase::Answer);
    record_ = {};
    record_.time = wall_clock_now();
    record_.peer = peer_;
    record_.method = request.method;
    record_.target = request.target;
    keep_alive_ = request.keep_alive && !server_->options.one_request;
    const Instant begin = server_->net_context.runtime().now();
    timed_out_ = false;
    ended_.clear();
    limit(server_->options.idle, "the client took nothing of the answer any more");
    co_await answer(request);
    silence_.stop();
    charge(head_.held());
    record_.took = server_->net_context.runtime().now() - begin;
    record_.complete = !error_;
    if (error_) record_.why = ended_.empty() ? error_.message() : ended_;
    if (!error_ && request.refused != 0) record_.why = request.why;
    ++server_->sessions.totals.requests;
    server_->log(record_);
    co_return !error_ && !server_->stopping;
}

net::awaitable<void> Session::answer_missing(const Request& request, NotFound why) {
    switch (why) {
        case NotFound::BadRequest:
            co_return co_await answer_text(request, http::status::bad_request,
                                           "this path is not understood");
        case NotFound::Forbidden:
            co_return co_await answer_text(request, http::status::forbidden,
                                           "this file is not served");
        case NotFound::Missing:
            co_return co_await answer_text(request, http::status::not_found,
                                           "there is no such file");
    }
}

net::awaitable<void> Session::answer(const Request& request) {
    if (request.refused != 0) {
        co_return co_await answer_text(request, static_cast<http::status>(request.refused),
                                       request.why);
    }
    const std::filesystem::path& root = server_->options.root;
    auto found = find_file(root, request.head.target());
    if (!found) co_return co_await answer_missing(request, found.error());
    if (found->kind == Found::Kind::File) {
        co_return co_await answer_file(request, std::move(*found));
    }
    if (found->kind == Found::Kind::Redirect) {
        co_return co_await answer_text(request, http::status::moved_permanently,
                                       "this is a directory", found->location);
    }
    auto page = directory_page(root, found->path, request.head.target());
    if (!page) co_return co_await answer_missing(request, page.error());
    if (!charge(page->capacity())) {
        co_return co_await answer_text(request, http::status::service_unavailable,
                                       "memory is exhausted: try again later");
    }
    co_await answer_text(request, http::status::ok, std::move(*page));
}

Session::Header Session::header_for(const Request& request, http::status status) {
    // An HTTP/1.0 client may not understand a 1.1 answer, and needs no more than 1.0 offers.
    Header header{status, request.head.version() == 10 ? 10u : 11u};
    header.set(http::field::server, "tern");
    header.set(http::field::date, http_date(wall_clock_now() / 1'000'000'000));
    header.keep_alive(keep_alive_);
    record_.status = static_cast<unsigned>(status);
    return header;
}

namespace {

std::string text_of(const http::response<http::empty_body>& header) {
    std::ostringstream out;
    out << header.base();
    return std::move(out).str();
}

}  // namespace

// All of it, as the peer takes it.
net::awaitable<void> Session::send(std::string_view bytes) {
    while (!bytes.empty() && !error_) {
        const std::size_t n = stream_.write_some(std::as_bytes(std::span{bytes}), error_);
        bytes.remove_prefix(n);
        moved_ += n;
        if (n != 0) silence_.touch();
        if (error_ == net::error::would_block) error_ = {};
        if (!bytes.empty() && !error_) co_await stream_.async_wait_writable(into(error_));
        if (server_->stopping) error_ = net::error::operation_aborted;
    }
}

net::awaitable<void> Session::answer_text(const Request& request, http::status status,
                                          std::string body, std::string_view location) {
    Header header = header_for(request, status);
    if (status == http::status::ok) {
        header.set(http::field::content_type, "text/html; charset=utf-8");
    } else {
        header.set(http::field::content_type, "text/plain; charset=utf-8");
        body = fmt::format("{}: {}\n", static_cast<unsigned>(status), body);
    }
    if (status == http::status::method_not_allowed) header.set(http::field::allow, "GET, HEAD");
    if (status == http::status::service_unavailable) header.set(http::field::retry_after, "1");
    if (!location.empty()) header.set(http::field::location, location);
    header.content_length(body.size());
    co_await send(text_of(header));
    if (error_ || request.head.method() == http::verb::head) co_return;
    co_await send(body);
    if (error_) co_return;
    record_.bytes = body.size();
    server_->sessions.totals.bytes += body.size();
}

namespace {

// RFC 9110 13.2.2: If-None-Match goes before If-Modified-Since.
bool not_modified(const http::request<http::empty_body>& request, const Found& found) {
    if (const auto tag = request.find(http::field::if_none_match); tag != request.end()) {
        const std::string_view tags = tag->value();
        return tags == "*" || tags.contains(found.etag);
    }
    const auto since = request.find(http::field::if_modified_since);
    if (since == request.end()) return false;
    const auto when = parse_http_date(since->value());
    return when && found.modified <= *when;
}

// RFC 9110 13.1.5: a range of what has changed meanwhile would not fit to its other part.
bool range_applies(const http::request<http::empty_body>& request, const Found& found) {
    const auto condition = request.find(http::field::if_range);
    if (condition == request.end()) return true;
    const std::string_view value = condition->value();
    if (value.starts_with('"')) return value == found.etag;
    const auto when = parse_http_date(value);
    return when && *when == found.modified;
}

}  // namespace

net::awaitable<void> Session::answer_file(const Request& request, Found found) {
    ByteRange range{0, found.size};
    RangeAnswer what = RangeAnswer::Whole;
    const auto wanted = request.head.find(http::field::range);
    if (wanted != request.head.end() && range_applies(request.head, found)) {
        what = parse_range(wanted->value(), found.size, range);
    }
    const bool unchanged = not_modified(request.head, found);
    const http::status status = unchanged                   ? http::status::not_modified
                                : what == RangeAnswer::Part ? http::status::partial_content
                                : what == RangeAnswer::Unsatisfiable
                                    ? http::status::range_not_satisfiable
                                    : http::status::ok;
    Header header = header_for(request, status);
    header.set(http::field::accept_ranges, "bytes");
    header.set(http::field::etag, found.etag);
    header.set(http::field::last_modified, http_date(found.modified));
    header.set(http::field::content_type, content_type(found.path));
    if (what == RangeAnswer::Unsatisfiable) range.length = 0;
    if (status == http::status::range_not_satisfiable) {
        header.set(http::field::content_range, fmt::format("bytes */{}", found.size));
    }
    if (status == http::status::partial_content) {
        header.set(
            http::field::content_range,
            fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, found.size));
    }
    if (!unchanged) header.content_length(range.length);
    co_await send(text_of(header));
    if (error_ || unchanged || request.head.method() == http::verb::head) co_return;
    ++server_->sessions.totals.transfers;
    co_await send_file(found.file, range);
    --server_->sessions.totals.transfers;
}

// What the stack may take now, so that little is read twice.
std::size_t Session::chunk_for(u64 left) const {
    u64 room = k_chunk;
    if (const auto status = stream_.status()) {
        const u64 waiting = status->unsent + status->unacknowledged;
        room = status->send_buffer > waiting ? status->send_buffer - waiting : 0;
    }
    return std::min<u64>(left, std::clamp<u64>(room, k_chunk_least, k_chunk));
}

net::awaitable<void> Session::send_file(const File& file, ByteRange range) {
    while (range.length > 0 && !error_) {
        char* const chunk = server_->chunk.data();
        const std::size_t n = file.read_at(range.first, chunk, chunk_for(range.length));
        if (n == 0) {
            // The file shrank: the promised length cannot be kept, and only a broken connection
            // tells the client so.
            error_ = net::error::connection_aborted;
            stream_.abort();
            co_return;
        }
        const std::size_t taken = stream_.write_some(std::as_bytes(std::span{chunk, n}), error_);
        if (taken != 0) silence_.touch();
        moved_ += taken;
        range.first += taken;
        range.length -= taken;
        record_.bytes += taken;
        server_->sessions.totals.bytes += taken;
        if (error_ == net::error::would_block) error_ = {};
        if (taken < n && !error_) co_await stream_.async_wait_writable(into(error_));
        if (server_->stopping) error_ = net::error::operation_aborted;
    }
}

net::awaitable<void> HttpServer::Inside::accept() {
    const auto self = shared_from_this();
    for (;;) {
        error_code error;
        asio::tcp_stream stream = co_await acceptor.async_accept(into(error));
        if (stopping || error == net::error::operation_aborted) co_return;
        if (error) continue;
        sessions.make_room(net_context.runtime().now());
        auto session = std::make_shared<Session>(self, std::move(stream));
        net::co_spawn(
            acceptor.get_executor(), [session] { return session->run(); }, net::detached);
    }
}

HttpServer::HttpServer(asio::context& context, ServerOptions options,
                       std::function<void(const AccessRecord&)> log)
    : inside_(std::make_shared<Inside>(context, std::move(options), std::move(log))) {
    net::co_spawn(
        inside_->acceptor.get_executor(), [self = inside_] { return self->accept(); },
        net::detached);
}

HttpServer::~HttpServer() { stop(); }
LocalEndpoint HttpServer::local_endpoint() const { return inside_->acceptor.local_endpoint(); }
const ServerTotals& HttpServer::totals() const { return inside_->sessions.totals; }

void HttpServer::stop() {
    if (std::exchange(inside_->stopping, true)) return;
    inside_->acceptor.close();
    inside_->sessions.end_all();
}

}  // namespace tern::tools
