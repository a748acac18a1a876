// The asio objects: what they promise to any program that uses them.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "sockets/two_hosts.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

using Stream = TwoHosts;

net::awaitable<void> echo(asio::tcp_stream peer) {
    while (Slice bytes = co_await peer.async_receive(net::use_awaitable)) {
        co_await peer.async_send(std::move(bytes), net::use_awaitable);
    }
}

TEST_F(Stream, EchoesSlicesWithoutACopy) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    std::string got;
    spawn([&]() -> net::awaitable<void> {
        co_await echo(co_await acceptor.async_accept(net::use_awaitable));
    });
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(7), net::use_awaitable);
        EXPECT_EQ(s.remote_endpoint(), to_b(7));
        co_await net::async_write(s, net::buffer("hello, world", 12), net::use_awaitable);
        s.shutdown(net::socket_base::shutdown_send);
        error_code error;
        co_await net::async_read(s, net::dynamic_buffer(got), into(error));
        EXPECT_EQ(error, net::error::eof);
    });
    run();
    EXPECT_EQ(got, "hello, world");
}

TEST_F(Stream, CarriesMuchMoreThanItsBuffersBothWaysAtOnce) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    std::vector<char> sent(8'000'000);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 + i / 251);
    std::vector<char> got(sent.size());
    spawn([&]() -> net::awaitable<void> {
        co_await echo(co_await acceptor.async_accept(net::use_awaitable));
    });
    asio::tcp_stream s{*a};
    spawn([&]() -> net::awaitable<void> {
        co_await s.async_connect(to_b(7), net::use_awaitable);
        spawn([&]() -> net::awaitable<void> {
            co_await net::async_write(s, net::buffer(sent), net::use_awaitable);
            s.shutdown(net::socket_base::shutdown_send);
        });
        co_await net::async_read(s, net::buffer(got), net::use_awaitable);
        EXPECT_FALSE(co_await s.async_receive(net::use_awaitable));
    });
    run();
    EXPECT_TRUE(got == sent);
}

TEST_F(Stream, GathersAndScatters) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    std::array<char, 3> first{};
    std::array<char, 4> second{};
    spawn([&]() -> net::awaitable<void> {
        auto s = co_await acceptor.async_accept(net::use_awaitable);
        std::array<net::mutable_buffer, 2> parts{net::buffer(first), net::buffer(second)};
        co_await net::async_read(s, parts, net::use_awaitable);
    });
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(7), net::use_awaitable);
        std::array<net::const_buffer, 4> parts{net::buffer("ab", 2), net::buffer("", 0),
                                               net::buffer("cde", 3), net::buffer("fg", 2)};
        co_await net::async_write(s, parts, net::use_awaitable);
    });
    run();
    EXPECT_EQ(std::string(first.data(), 3) + std::string(second.data(), 4), "abcdefg");
}

TEST_F(Stream, RefusedResetAndUnreachableHaveTheirNames) {
    error_code refused, reset, unreachable;
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    spawn([&]() -> net::awaitable<void> {
        auto s = co_await acceptor.async_accept(net::use_awaitable);
        char byte;
        co_await s.async_read_some(net::buffer(&byte, 1), net::use_awaitable);
        s.abort();
        EXPECT_FALSE(s.is_open());
    });
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(8), into(refused));
        // The same stream may try again.
        co_await s.async_connect(to_b(7), net::use_awaitable);
        co_await net::async_write(s, net::buffer("x", 1), net::use_awaitable);
        char byte;
        co_await s.async_read_some(net::buffer(&byte, 1), into(reset));
        asio::tcp_stream far{*a};
        co_await far.async_connect({Ipv4Address{192, 0, 2, 1}, 7}, into(unreachable));
    });
    run();
    EXPECT_EQ(refused, net::error::connection_refused);
    EXPECT_EQ(reset, net::error::connection_reset);
    EXPECT_EQ(unreachable, net::error::network_unreachable);
}

// A server answers, does not read all that it was sent, and goes: its answer comes before its
// reset.
TEST_F(Stream, WhatCameBeforeAResetIsReadBeforeItIsTold) {
    test::covers({"RFC9293:MUST-12"});
    for (const bool slices : {false, true}) {
        std::string got;
        error_code last;
        asio::tcp_acceptor acceptor{*b, on_port(7)};
        spawn([&]() -> net::awaitable<void> {
            auto s = co_await acceptor.async_accept(net::use_awaitable);
            char byte;
            co_await s.async_read_some(net::buffer(&byte, 1), net::use_awaitable);
            co_await net::async_write(s, net::buffer("the answer", 10), net::use_awaitable);
            net::steady_timer pause{io};
            while (s.status()->bytes_acked < 10) {
                pause.expires_after(std::chrono::milliseconds(1));
                co_await pause.async_wait(net::use_awaitable);
            }
        });
        spawn([&]() -> net::awaitable<void> {
            asio::tcp_stream s{*a};
            co_await s.async_connect(to_b(7), net::use_awaitable);
            co_await net::async_write(s, net::buffer("more than one byte", 18), net::use_awaitable);
            // Until the reset has come; nothing is read meanwhile.
            net::steady_timer pause{io};
            while (s.status()->state != State::Closed) {
                pause.expires_after(std::chrono::milliseconds(1));
                co_await pause.async_wait(net::use_awaitable);
            }
            EXPECT_EQ(s.status()->error, Error::Reset);
            char part[4];
            while (!last) {
                if (slices) {
                    const Slice slice = co_await s.async_receive(into(last));
                    const auto bytes = slice.bytes();
                    got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                } else {
                    const auto n = co_await s.async_read_some(net::buffer(part), into(last));
                    got.append(part, n);
                }
            }
        });
        run();
        EXPECT_EQ(got, "the answer") << "slices: " << slices;
        EXPECT_EQ(last, net::error::connection_reset);
    }
}

TEST_F(Stream, CallsNoHandlerFromTheInitiatingFunction) {
    asio::tcp_stream s{*a};
    bool initiating = true;
    int calls = 0;
    char byte;
    const auto handler = [&](error_code error, std::size_t) {
        EXPECT_FALSE(initiating);
        EXPECT_EQ(error, net::error::not_connected);
        ++calls;
    };
    s.async_read_some(net::buffer(&byte, 1), handler);
    s.async_write_some(net::buffer(&byte, 1), handler);
    initiating = false;
    run();
    EXPECT_EQ(calls, 2);
}

TEST_F(Stream, OneReaderAtATime) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    acceptor.async_accept([](error_code, asio::tcp_stream) {});
    asio::tcp_stream s{*a};
    error_code first, second;
    char byte;
    s.async_connect(to_b(7), [&](error_code error) {
        EXPECT_FALSE(error);
        s.async_read_some(net::buffer(&byte, 1), [&](error_code e, std::size_t) { first = e; });
        s.async_read_some(net::buffer(&byte, 1), [&](error_code e, std::size_t) {
            second = e;
            s.cancel();
        });
    });
    run();
    EXPECT_TRUE(first);  // the accepted stream was dropped: end of file, or our cancel()
    EXPECT_EQ(second, net::error::already_started);
}

TEST_F(Stream, CancelEndsWhatWaitsAndTheStreamGoesOn) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    error_code cancelled;
    spawn([&]() -> net::awaitable<void> {
        auto s = co_await acceptor.async_accept(net::use_awaitable);
        char byte;
        co_await s.async_read_some(net::buffer(&byte, 1), net::use_awaitable);
        co_await net::async_write(s, net::buffer(&byte, 1), net::use_awaitable);
    });
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(7), net::use_awaitable);
        net::steady_timer timer{io, std::chrono::milliseconds(5)};
        timer.async_wait([&](error_code) { s.cancel(); });
        char byte = 0;
        co_await s.async_read_some(net::buffer(&byte, 1), into(cancelled));
        co_await net::async_write(s, net::buffer("x", 1), net::use_awaitable);
        co_await s.async_read_some(net::buffer(&byte, 1), net::use_awaitable);
        EXPECT_EQ(byte, 'x');
    });
    run();
    EXPECT_EQ(cancelled, net::error::operation_aborted);
}

TEST_F(Stream, CancellationSlotsAreHonoured) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    net::cancellation_signal accept_signal, read_signal;
    error_code accepting, reading;
    asio::tcp_stream peer{*b}, s{*a};
    char byte;
    acceptor.async_accept([&](error_code, asio::tcp_stream p) {
        peer = std::move(p);
        acceptor.async_accept(net::bind_cancellation_slot(
            accept_signal.slot(), [&](error_code e, asio::tcp_stream) { accepting = e; }));
        accept_signal.emit(net::cancellation_type::terminal);
    });
    s.async_connect(to_b(7), [&](error_code) {
        s.async_read_some(
            net::buffer(&byte, 1),
            net::bind_cancellation_slot(read_signal.slot(), [&](error_code e, std::size_t) {
                reading = e;
                s.close();
                peer.close();
            }));
        read_signal.emit(net::cancellation_type::terminal);
        read_signal.emit(net::cancellation_type::terminal);  // finds nothing any more
    });
    run();
    EXPECT_EQ(accepting, net::error::operation_aborted);
    EXPECT_EQ(reading, net::error::operation_aborted);
}

TEST_F(Stream, DestroyingAStreamEndsItsOperations) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    std::optional<asio::tcp_stream> kept;
    acceptor.async_accept([&](error_code, asio::tcp_stream p) { kept.emplace(std::move(p)); });
    std::optional<asio::tcp_stream> s{*a};
    error_code reading, receiving;
    char byte;
    s->async_connect(to_b(7), [&](error_code) {
        s->async_read_some(net::buffer(&byte, 1), [&](error_code e, std::size_t) { reading = e; });
        s.reset();
    });
    run();
    EXPECT_EQ(reading, net::error::operation_aborted);
    ASSERT_TRUE(kept);
    kept->async_receive([&](error_code e, Slice slice) {
        EXPECT_FALSE(slice);
        receiving = e;
    });
    run();
    EXPECT_FALSE(receiving);  // the peer's FIN had come: an orderly end
}

TEST_F(Stream, AContextThatGoesEndsEverythingOnIt) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    asio::tcp_stream s{*a};
    error_code reading, accepting;
    char byte;
    acceptor.async_accept([&](error_code, asio::tcp_stream p) {
        auto kept = std::make_shared<asio::tcp_stream>(std::move(p));
        kept->async_read_some(net::buffer(&byte, 1),
                              [&, kept](error_code e, std::size_t) { reading = e; });
        acceptor.async_accept([&](error_code e, asio::tcp_stream) {
            accepting = e;
            s.close();
        });
        net::post(io, [&] { b.reset(); });
    });
    s.async_connect(to_b(7), [](error_code) {});
    run();
    EXPECT_EQ(reading, net::error::operation_aborted);
    EXPECT_EQ(accepting, net::error::operation_aborted);
    EXPECT_FALSE(acceptor.is_open());
}

TEST_F(Stream, RunReturnsWhenNothingIsPending) {
    asio::tcp_acceptor acceptor{*b, on_port(7)};
    run();
    acceptor.async_accept([](error_code, asio::tcp_stream) {});
    asio::tcp_stream s{*a};
    s.async_connect(to_b(7), [&](error_code) { s.close(); });
    run();
    // Released connections had the time to close: what is left is in TIME-WAIT, and is not waited
    // for.
    EXPECT_EQ(a->stack().tcp().count().connections, 0u);
    EXPECT_EQ(b->stack().tcp().count().connections, 0u);
    EXPECT_EQ(a->stack().tcp().count().time_waits, 1u);
}

TEST_F(Stream, APortIsTakenOnce) {
    asio::tcp_acceptor first{*b, on_port(7)};
    EXPECT_EQ(first.local_endpoint().port, 7);
    error_code error;
    asio::tcp_acceptor second{*b, on_port(7), error};
    EXPECT_EQ(error, net::error::address_in_use);
    EXPECT_THROW((asio::tcp_acceptor{*b, on_port(7)}), boost::system::system_error);
    first.close();
    asio::tcp_acceptor third{*b, on_port(7), error};
    EXPECT_FALSE(error);
}

TEST_F(Stream, DatagramsGoBothWays) {
    UdpOptions options;
    options.local.port = 9;
    asio::udp_socket server{*b, options};
    asio::udp_socket client{*a, UdpOptions{}};
    std::string answer(100, '\0');
    spawn([&]() -> net::awaitable<void> {
        const Datagram d = co_await server.async_receive(net::use_awaitable);
        const auto bytes = d.data.bytes();
        co_await server.async_send_to(net::buffer(bytes.data(), bytes.size()), d.from,
                                      net::use_awaitable);
    });
    spawn([&]() -> net::awaitable<void> {
        std::array<net::const_buffer, 2> parts{net::buffer("da", 2), net::buffer("ta", 2)};
        co_await client.async_send_to(parts, to_b(9), net::use_awaitable);
        Endpoint from;
        const auto n =
            co_await client.async_receive_from(net::buffer(answer), from, net::use_awaitable);
        answer.resize(n);
        EXPECT_EQ(from, to_b(9));
    });
    run();
    EXPECT_EQ(answer, "data");
}

TEST_F(Stream, AnIcmpErrorReachesAConnectedDatagramSocket) {
    UdpOptions options;
    options.remote = to_b(9);
    asio::udp_socket client{*a, options};
    error_code error;
    spawn([&]() -> net::awaitable<void> {
        co_await client.async_send_to(net::buffer("x", 1), {}, net::use_awaitable);
        char byte;
        Endpoint from;
        co_await client.async_receive_from(net::buffer(&byte, 1), from, into(error));
    });
    run();
    EXPECT_EQ(error, net::error::connection_refused);
}

}  // namespace
}  // namespace tern::test
