// The asynchronous face: Boost.Asio objects on the stack, with any completion token. A tcp_stream
// models AsyncReadStream and AsyncWriteStream, so Boost.Beast and boost::asio::ssl work on it
// unchanged.
//
//   boost::asio::io_context io;
//   tern::asio::context net{io, {.link = "tap:tern0", .addresses = {"10.0.0.2/24"}}};
//   tern::asio::tcp_acceptor acceptor{net, {.local = {.port = 7}}};
//   ... co_await acceptor.async_accept(boost::asio::use_awaitable) ...
//   io.run();
//
// A context and everything on it belong to one thread, the one that runs the io_context. Handlers
// are queued through their associated executor, never called by the initiating function.
#pragma once

#include <array>
#include <functional>
#include <span>

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/system_error.hpp>

#include "tern/detail/completion.hh"
#include "tern/export.hh"
#include "tern/runtime.hh"

namespace tern TERN_API {
namespace asio {

namespace net = boost::asio;
using boost::system::error_code;

// EndOfStream is boost::asio::error::eof, Reset is connection_reset, and so on.
error_code to_error_code(Error error);

namespace detail {

class TERN_LOCAL ContextCore;
class TERN_LOCAL StreamCore;
class TERN_LOCAL AcceptorCore;
class TERN_LOCAL DatagramCore;

// A buffer sequence of any type. What does not fit waits for the next call, as "some" allows.
struct Parts {
    static constexpr std::size_t k_most = 16;
    std::array<std::span<std::byte>, k_most> part;
    std::size_t count = 0;
    std::size_t bytes = 0;

    Parts() = default;
    template <class Buffers>
    static Parts of(const Buffers& buffers) {
        Parts p;
        const auto end = net::buffer_sequence_end(buffers);
        for (auto i = net::buffer_sequence_begin(buffers); i != end && p.count < k_most; ++i) {
            const net::const_buffer b(*i);
            if (b.size() == 0) continue;
            // Writers never change it; one type serves both directions.
            auto* data = static_cast<std::byte*>(const_cast<void*>(b.data()));
            p.part[p.count++] = {data, b.size()};
            p.bytes += b.size();
        }
        return p;
    }
};

struct Free {
    void operator()(StreamCore* core) const;
    void operator()(AcceptorCore* core) const;
    void operator()(DatagramCore* core) const;
};

}  // namespace detail

using Executor = net::any_io_executor;

// Binds a Runtime to an io_context. It does not keep io_context::run() from returning when no
// operation is pending, except while released connections are being closed, for at most 2 s.
class context {
public:
    using executor_type = net::io_context::executor_type;

    // Throws RuntimeError, whose text names the remedy.
    context(net::io_context& io, RuntimeConfig config);
    // Pending operations end with operation_aborted. Slices must be gone before.
    ~context();
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    executor_type get_executor() const noexcept { return io_->get_executor(); }  // as given
    // On the thread of the io_context, as all that follows.
    Runtime& runtime();
    // For calls that the objects below do not have; flush() follows them.
    Stack& stack() { return runtime().stack(); }
    // Called once for each link, from the io_context, when Runtime::link_lost(link) has become
    // true. It does not keep io_context::run() from returning.
    void on_link_lost(std::function<void(std::size_t link)> handler);
    // Call it after calls on stack() that may have something to send.
    void flush();
    // For the objects of this header alone.
    detail::ContextCore& core() { return *core_; }

private:
    net::io_context* io_;
    std::shared_ptr<detail::ContextCore> core_;
};

// A TCP connection, or none yet. One read and one write may wait at a time; a second one ends with
// already_started, and any of them without a connection with not_connected.
class tcp_stream {
public:
    using executor_type = Executor;
    using lowest_layer_type = tcp_stream;
    using shutdown_type = net::socket_base::shutdown_type;

    // Not connected. The context must outlive the stream, or its operations end with
    // operation_aborted.
    explicit tcp_stream(context& c);
    tcp_stream(tcp_stream&&) noexcept = default;
    // What the left side was closes as close() does.
    tcp_stream& operator=(tcp_stream&&) noexcept = default;
    // Closes; pending operations end with operation_aborted.
    ~tcp_stream() = default;

    // Of the context; handlers without an executor of their own run there.
    executor_type get_executor() const noexcept { return executor_; }
    // Itself, as Beast and SSL streams ask for it.
    lowest_layer_type& lowest_layer() noexcept { return *this; }
    // The same for a constant stream.
    const lowest_layer_type& lowest_layer() const noexcept { return *this; }

    bool is_open() const;
    Endpoint local_endpoint() const;   // 0.0.0.0:0 without a connection
    Endpoint remote_endpoint() const;  // likewise
    // As Tcp::status(); NotConnected without a connection.
    Result<TcpStatus> status() const;
    // As Tcp::set_options(); NotConnected without a connection.
    Result<void> set_options(const TcpOptions& options);
    // For calls of Stack::tcp(); it stays the stream's, which releases it.
    TcpConnection native_handle() const;

    // shutdown_send: FIN follows what was written. Reading goes on.
    void shutdown(shutdown_type what, error_code& error);
    // Throws boost::system::system_error.
    void shutdown(shutdown_type what);
    // Gives the connection up; data written before is still delivered.
    void close();
    // The same; `error` is always cleared.
    void close(error_code& error) { close(), error = {}; }
    // RST; what was not sent is lost.
    void abort();
    // Pending operations end with operation_aborted; a connect gives its connection up.
    void cancel();

    // void(error_code): the handshake is over. RFC 9293 3.9.1.1: OPEN.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_connect(Endpoint peer, const ConnectOptions& options, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code)>(
            [this](auto handler, Endpoint to, const ConnectOptions& o) {
                start_connect(to, o, detail::make_done<>(std::move(handler), executor_));
            },
            token, peer, options);
    }
    // The same with default options.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_connect(Endpoint peer, Token&& token = {}) {
        return async_connect(peer, ConnectOptions{}, std::forward<Token>(token));
    }
    // void(error_code, std::size_t): bytes read, at least one unless the buffers are empty. Ends
    // with eof when the peer has finished.
    template <class Buffers, class Token = net::default_completion_token_t<executor_type>>
    auto async_read_some(const Buffers& buffers, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& b) {
                start_read(detail::Parts::of(b),
                           detail::make_done<std::size_t>(std::move(handler), executor_));
            },
            token, buffers);
    }
    // void(error_code, std::size_t): bytes that the send queue took. They are copied.
    template <class Buffers, class Token = net::default_completion_token_t<executor_type>>
    auto async_write_some(const Buffers& buffers, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& b) {
                start_write(detail::Parts::of(b),
                            detail::make_done<std::size_t>(std::move(handler), executor_));
            },
            token, buffers);
    }
    // Writes what can be taken at once, and never waits; would_block: nothing. When it was short,
    // async_wait_writable() tells that there is room again. So whoever has many slow peers needs
    // no buffer for each of them.
    std::size_t write_some(std::span<const std::byte> from, error_code& error);
    // void(error_code): there is room after a write_some() that was short; at once if it was not.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_wait_writable(Token&& token = {}) {
        return net::async_initiate<Token, void(error_code)>(
            [this](auto handler) {
                start_wait_writable(detail::make_done<>(std::move(handler), executor_));
            },
            token);
    }
    // void(error_code, Slice): the received memory itself; empty: the peer has finished.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_receive(Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, Slice)>(
            [this](auto handler) {
                start_receive(detail::make_done<Slice>(std::move(handler), executor_));
            },
            token);
    }
    // void(error_code): the same memory goes out; done when the send queue has taken it.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_send(Slice slice, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code)>(
            [this](auto handler, Slice s) {
                start_send(std::move(s), detail::make_done<>(std::move(handler), executor_));
            },
            token, std::move(slice));
    }

private:
    friend class tcp_acceptor;
    friend class detail::AcceptorCore;
    using Core = std::unique_ptr<detail::StreamCore, detail::Free>;
    tcp_stream(Executor executor, Core core)
        : executor_(std::move(executor)), core_(std::move(core)) {}

    void start_connect(Endpoint to, const ConnectOptions& options, detail::Done<> done);
    void start_read(const detail::Parts& into, detail::Done<std::size_t> done);
    void start_write(const detail::Parts& from, detail::Done<std::size_t> done);
    void start_receive(detail::Done<Slice> done);
    void start_send(Slice slice, detail::Done<> done);
    void start_wait_writable(detail::Done<> done);

    Executor executor_;
    Core core_;
};

// A listener (RFC 9293 3.9.1.1: passive OPEN).
class tcp_acceptor {
public:
    using executor_type = Executor;

    // Throws boost::system::system_error.
    tcp_acceptor(context& c, ListenOptions options);
    // The same without an exception.
    tcp_acceptor(context& c, ListenOptions options, error_code& error);
    tcp_acceptor(tcp_acceptor&&) noexcept = default;
    tcp_acceptor& operator=(tcp_acceptor&&) noexcept = default;
    ~tcp_acceptor() = default;

    // Of the context; handlers without an executor of their own run there.
    executor_type get_executor() const noexcept { return executor_; }
    bool is_open() const;
    LocalEndpoint local_endpoint() const;  // with the port that was chosen
    // Resets what was not accepted yet; pending accepts end with operation_aborted.
    void close();
    // Pending accepts end with operation_aborted; it goes on listening.
    void cancel();

    // void(error_code, tcp_stream). Several may wait; they are served in their order.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_accept(Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, tcp_stream)>(
            [this](auto handler) {
                start_accept(detail::make_done<tcp_stream>(std::move(handler), executor_));
            },
            token);
    }

private:
    void start_accept(detail::Done<tcp_stream> done);

    Executor executor_;
    std::unique_ptr<detail::AcceptorCore, detail::Free> core_;
};

// A UDP socket. One receive may wait at a time; a second one ends with already_started.
class udp_socket {
public:
    using executor_type = Executor;

    // Throws boost::system::system_error.
    udp_socket(context& c, UdpOptions options);
    // The same without an exception.
    udp_socket(context& c, UdpOptions options, error_code& error);
    udp_socket(udp_socket&&) noexcept = default;
    udp_socket& operator=(udp_socket&&) noexcept = default;
    ~udp_socket() = default;

    // Of the context; handlers without an executor of their own run there.
    executor_type get_executor() const noexcept { return executor_; }
    bool is_open() const;
    LocalEndpoint local_endpoint() const;  // with the port that was chosen
    // Drops what was not received; a pending receive ends with operation_aborted.
    void close();
    // A pending receive ends with operation_aborted.
    void cancel();

    // void(error_code, std::size_t); what does not fit is cut off, as sockets do.
    template <class Buffers, class Token = net::default_completion_token_t<executor_type>>
    auto async_receive_from(const Buffers& buffers, Endpoint& from, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& b, Endpoint* where) {
                start_receive_from(detail::Parts::of(b), where,
                                   detail::make_done<std::size_t>(std::move(handler), executor_));
            },
            token, buffers, &from);
    }
    // void(error_code, Datagram): without a copy.
    template <class Token = net::default_completion_token_t<executor_type>>
    auto async_receive(Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, Datagram)>(
            [this](auto handler) {
                start_receive(detail::make_done<Datagram>(std::move(handler), executor_));
            },
            token);
    }
    // void(error_code, std::size_t); no endpoint: the connected peer.
    template <class Buffers, class Token = net::default_completion_token_t<executor_type>>
    auto async_send_to(const Buffers& buffers, std::optional<Endpoint> to, Token&& token = {}) {
        return net::async_initiate<Token, void(error_code, std::size_t)>(
            [this](auto handler, const Buffers& b, std::optional<Endpoint> peer) {
                start_send_to(detail::Parts::of(b), peer,
                              detail::make_done<std::size_t>(std::move(handler), executor_));
            },
            token, buffers, to);
    }

private:
    void start_receive_from(const detail::Parts& into, Endpoint* from,
                            detail::Done<std::size_t> done);
    void start_receive(detail::Done<Datagram> done);
    void start_send_to(const detail::Parts& from, std::optional<Endpoint> to,
                       detail::Done<std::size_t> done);

    Executor executor_;
    std::unique_ptr<detail::DatagramCore, detail::Free> core_;
};

}  // namespace asio
}  // namespace tern
