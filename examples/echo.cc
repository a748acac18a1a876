// A TCP echo server on a stack of its own: received memory goes out again without a copy.
//   ip tuntap add tern0 mode tap && ip addr add 10.0.0.1/24 dev tern0 && ip link set tern0 up
//   echo 10.0.0.2/24 &  nc 10.0.0.2 7
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tern/asio.hh"

namespace net = boost::asio;

net::awaitable<void> echo(tern::asio::tcp_stream peer) {
    while (tern::Slice bytes = co_await peer.async_receive(net::use_awaitable)) {
        co_await peer.async_send(std::move(bytes), net::use_awaitable);
    }
}

net::awaitable<void> serve(tern::asio::tcp_acceptor acceptor) {
    for (;;) {
        auto peer = co_await acceptor.async_accept(net::use_awaitable);
        net::co_spawn(acceptor.get_executor(), echo(std::move(peer)), net::detached);
    }
}

int main(int argc, char** argv) {
    net::io_context io{1};
    tern::asio::context stack{io, {.addresses = {argc > 1 ? argv[1] : "10.0.0.2/24"}}};
    net::co_spawn(io, serve({stack, {.local = {.port = 7}}}), net::detached);
    io.run();
}
