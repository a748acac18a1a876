// An echo server and its client on the Asio face, over a wire within the process.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "tern/asio.hh"

namespace net = boost::asio;

namespace {

net::awaitable<void> echo_once(tern::asio::tcp_acceptor acceptor) {
    auto peer = co_await acceptor.async_accept(net::use_awaitable);
    std::string bytes(5, '\0');
    co_await net::async_read(peer, net::buffer(bytes), net::use_awaitable);
    co_await net::async_write(peer, net::buffer(bytes), net::use_awaitable);
}

net::awaitable<void> call(tern::asio::tcp_stream stream, std::string& heard) {
    co_await stream.async_connect({*tern::IpAddress::parse("10.0.0.2"), 7}, net::use_awaitable);
    const std::string greeting = "hello";
    co_await net::async_write(stream, net::buffer(greeting), net::use_awaitable);
    heard.resize(greeting.size());
    co_await net::async_read(stream, net::buffer(heard), net::use_awaitable);
}

tern::RuntimeConfig host(std::unique_ptr<tern::Link> end, const char* address) {
    tern::RuntimeConfig config;
    config.device = std::move(end);
    config.addresses = {address};
    return config;
}

}  // namespace

int main() {
    auto [left, right] = tern::make_wire();
    net::io_context io{1};
    tern::asio::context client{io, host(std::move(left), "10.0.0.1/24")};
    tern::asio::context server{io, host(std::move(right), "10.0.0.2/24")};
    std::string heard;
    net::co_spawn(io, echo_once({server, {.local = {.port = 7}}}), net::detached);
    net::co_spawn(io, call(tern::asio::tcp_stream{client}, heard), net::detached);
    io.run();
    std::printf("%s\n", heard.c_str());
    return heard == "hello" ? 0 : 1;
}
