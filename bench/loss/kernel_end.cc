// The kernel's end of bench/loss: a plain sender or receiver on a socket. Nothing is tuned: no
// buffer is set, and the congestion control alone is chosen, by TCP_CONGESTION.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/loss/end.hh"

namespace tern::bench {

namespace {

constexpr int k_tick_ms = 50;

Instant now() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return Instant{std::chrono::seconds(t.tv_sec) + Duration{t.tv_nsec}};
}

void require(bool held, const char* what) {
    if (!held) give_up(std::string{what} + ": " + std::strerror(errno));
}

sockaddr_in socket_address(const Endpoint& e) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(e.port);
    a.sin_addr.s_addr = htonl(e.address.v4().value);
    return a;
}

tcp_info info_of(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    require(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0, "TCP_INFO");
    return info;
}

// Closes with a reset, so that nothing of this run is left on the wire for the next one.
void reset(int fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd);
}

void sample(int fd, Samples& to) {
    if (!to.due(now())) return;
    const tcp_info i = info_of(fd);
    to.add(now(), u64{i.tcpi_snd_cwnd} * i.tcpi_snd_mss, u64{i.tcpi_snd_ssthresh} * i.tcpi_snd_mss,
           u64{i.tcpi_unacked} * i.tcpi_snd_mss, std::chrono::microseconds(i.tcpi_rtt));
}

void send(const EndOptions& o) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    if (!o.congestion.empty()) {
        require(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, o.congestion.data(),
                             static_cast<socklen_t>(o.congestion.size())) == 0,
                o.congestion.c_str());
    }
    const sockaddr_in to = socket_address(o.peer);
    require(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
    const Instant began = now();
    const Pattern pattern;
    Samples samples;
    u64 sent = 0;
    for (bool over = false; stop_asked == 0 && !over;) {
        sample(fd, samples);
        pollfd one{fd, static_cast<short>(sent < o.bytes ? POLLOUT : 0), 0};
        ::poll(&one, 1, k_tick_ms);
        if ((one.revents & (POLLERR | POLLHUP)) != 0) break;
        while (sent < o.bytes) {
            auto piece = pattern.at(sent);
            piece = piece.first(std::min<u64>(piece.size(), o.bytes - sent));
            const ssize_t n = ::send(fd, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0) {
                over = errno != EAGAIN && errno != EINTR;
                break;
            }
            sent += static_cast<u64>(n);
        }
    }
    const tcp_info i = info_of(fd);
    std::printf(
        "{\"began\":%.6f,\"accepted\":%llu,\"segments\":%u,\"retransmissions\":%u,"
        "\"srtt_ms\":%.3f,\"rto_ms\":%.3f,\"dsacks\":%u,\"waited\":%.3f,\"samples\":%s}\n",
        seconds_of(began), static_cast<unsigned long long>(sent), i.tcpi_segs_out,
        i.tcpi_total_retrans, i.tcpi_rtt / 1e3, i.tcpi_rto / 1e3, i.tcpi_dsack_dups,
        waited_for_core(), samples.json().c_str());
    reset(fd);
}

int accept_one(u16 port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(listener >= 0, "socket");
    const int yes = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in here = socket_address({IpAddress{Ipv4Address::unspecified()}, port});
    require(::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0, "bind");
    require(::listen(listener, 1) == 0, "listen");
    std::printf("ready\n");
    std::fflush(stdout);
    const int fd = ::accept(listener, nullptr, nullptr);
    require(fd >= 0, "accept");
    ::close(listener);
    return fd;
}

void receive(const EndOptions& o) {
    const int fd = accept_one(o.port);
    Arrivals arrivals;
    arrivals.begin(now());
    const Instant end = o.lasts > Duration{} ? now() + o.lasts : Instant::max();
    std::vector<std::byte> block(256 * 1024);
    while (stop_asked == 0 && now() < end && arrivals.total() < o.bytes) {
        pollfd one{fd, POLLIN, 0};
        const auto left = std::min<Duration>(end - now(), std::chrono::milliseconds(k_tick_ms));
        if (::poll(&one, 1, static_cast<int>(left / std::chrono::milliseconds(1))) <= 0) continue;
        const ssize_t n = ::recv(fd, block.data(), block.size(), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) continue;
        if (n <= 0) break;
        arrivals.add(now(), std::span{block}.first(static_cast<std::size_t>(n)));
    }
    arrivals.print();
    reset(fd);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    const auto options = tern::bench::end_options_of(argc, argv);
    tern::bench::listen_for_stop();
    options.sends ? tern::bench::send(options) : tern::bench::receive(options);
}
