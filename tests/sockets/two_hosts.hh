// Two stacks on a wire, on one io_context: 10.0.0.1 and 10.0.0.2.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "support/patience.hh"
#include "tern/asio.hh"

namespace tern::test {

namespace net = boost::asio;
using boost::system::error_code;

inline auto into(error_code& error) { return net::redirect_error(net::use_awaitable, error); }

struct TwoHosts : ::testing::Test {
    static RuntimeConfig config(std::string address, std::unique_ptr<Link> end) {
        RuntimeConfig c;
        c.device = std::move(end);
        c.addresses = {std::move(address)};
        c.seed = 7;
        return c;
    }
    TwoHosts() : TwoHosts(make_wire()) {}
    explicit TwoHosts(std::pair<std::unique_ptr<Link>, std::unique_ptr<Link>> wire)
        : a(std::in_place, io, config("10.0.0.1/24", std::move(wire.first))),
          b(std::in_place, io, config("10.0.0.2/24", std::move(wire.second))) {}

    // Runs until nothing is pending; a test that hangs fails here.
    void run(std::chrono::seconds at_most = k_patience) {
        io.restart();
        io.run_for(at_most);
        EXPECT_TRUE(io.stopped()) << "still waiting after " << at_most.count() << " s";
    }
    // Starts a coroutine; what it throws fails the test.
    template <class Function>
    void spawn(Function function) {
        net::co_spawn(io, std::move(function), [](std::exception_ptr e) {
            if (!e) return;
            try {
                std::rethrow_exception(e);
            } catch (const std::exception& what) {
                ADD_FAILURE() << what.what();
            }
        });
    }
    ListenOptions on_port(u16 port) {
        ListenOptions o;
        o.local.port = port;
        return o;
    }
    static Endpoint to_b(u16 port) { return {Ipv4Address{10, 0, 0, 2}, port}; }
    static Endpoint to_a(u16 port) { return {Ipv4Address{10, 0, 0, 1}, port}; }

    net::io_context io{1};
    std::optional<asio::context> a, b;
};

}  // namespace tern::test
