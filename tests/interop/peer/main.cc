// tern_peer: the stack under test as a process of its own, at the other end of a TAP from the
// Linux kernel. The tests of tests/interop start it inside their namespace and tell it by lines
// on standard input what to do; see README.md for the commands.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "peer/commands.hh"
#include "peer/trace_lines.hh"

namespace tern::peer {

namespace {

constexpr const char* k_usage =
    "usage: tern_peer NAME=VALUE...\n"
    "  tap=tap0 address=10.0.0.2/24 gateway=A mtu=1500 vlan=0 mac=M\n"
    "  vnet=1 offloads=1      virtio-net header; checksum and segmentation offload\n"
    "  out=I in=I impair=1    a bad network: I is loss=P,dup=P,corrupt=P,reorder=P,delay=MS,...\n"
    "  seed=N memory=BYTES msl=MS rto_min=MS prediction=1 trace=1\n"
    "Commands come on standard input, one a line, answers are lines of JSON.\n";

u64 entropy() {
    u64 bits = 0;
    if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) std::abort();
    return bits;
}

HostOptions options_from(const Words& w) {
    HostOptions o;
    o.tap.name = w.text("tap", "tap0");
    o.tap.mtu = static_cast<u32>(w.number("mtu", 1500));
    o.tap.vlan = static_cast<u16>(w.number("vlan"));
    o.tap.vnet_hdr = w.yes("vnet", true);
    o.tap.offloads = o.tap.vnet_hdr && w.yes("offloads", true);
    if (w.has("mac")) {
        const auto mac = MacAddress::parse(w.text("mac"));
        if (!mac) throw Complaint{"no hardware address: " + w.text("mac")};
        o.tap.mac = *mac;
    }
    o.address = w.text("address", o.address);
    o.gateway = w.text("gateway");
    o.impair = w.yes("impair") || w.has("in") || w.has("out");
    o.impairments.outbound = impairments_of(w.text("out"));
    o.impairments.inbound = impairments_of(w.text("in"));
    o.impairments.seed = w.number("seed", 1);
    o.stack.seed = entropy();
    o.stack.memory_limit = w.number("memory", o.stack.memory_limit);
    Limits& limits = o.stack.limits;
    limits.tcp_msl = w.milliseconds("msl", limits.tcp_msl);
    limits.tcp_rto_min = w.milliseconds("rto_min", limits.tcp_rto_min);
    o.header_prediction = w.yes("prediction", true);
    return o;
}

// Lines out of a descriptor that never blocks the loop.
class LineReader {
public:
    // False: the writer is gone.
    bool read_into(Commands& commands) {
        char buffer[65536];
        const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0) return errno == EINTR || errno == EAGAIN;
        if (n == 0) return false;
        rest_.append(buffer, static_cast<std::size_t>(n));
        std::size_t from = 0;
        for (std::size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1)
            commands.add_line(rest_.substr(from, end - from));
        rest_.erase(0, from);
        return true;
    }

private:
    std::string rest_;
};

// Sleeps until a frame, a line, or the time has come. True: a line can be read.
bool sleep_until(Instant deadline, int tap) {
    const Duration left = deadline == Instant::max() ? std::chrono::hours(1) : deadline - now();
    const i64 ns = std::max<i64>(left.count(), 0);
    const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
    pollfd waits[] = {{tap, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (::ppoll(waits, 2, &time, nullptr) < 0) return false;
    return (waits[1].revents & (POLLIN | POLLHUP)) != 0;
}

void run(Host& host) {
    Commands commands(host);
    LineReader lines;
    bool readable = false;
    for (;;) {
        if (readable && !lines.read_into(commands)) return;
        const Instant at = now();
        host.receive(at);
        while (const auto event = host.stack().next_event()) commands.take(*event);
        commands.work(at);
        if (commands.quit()) return;
        host.transmit(at);
        while (const auto event = host.stack().next_event()) commands.take(*event);
        host.transmit(at);
        readable = sleep_until(std::min(host.next_deadline(), commands.deadline()), host.fd());
    }
}

int main_with(const Words& words) {
    HostOptions options = options_from(words);
    TraceLines trace;
    if (words.yes("trace")) options.stack.observer = &trace;
    Host host(options);
    std::puts("{\"ok\": true}");
    std::fflush(stdout);
    run(host);
    return 0;
}

}  // namespace

}  // namespace tern::peer

int main(int argc, char** argv) {
    std::string line = "tern_peer";
    for (int i = 1; i < argc; ++i) line += std::string(" ") + argv[i];
    try {
        return tern::peer::main_with(tern::peer::Words(line));
    } catch (const tern::peer::Complaint& complaint) {
        std::fprintf(stderr, "tern_peer: %s\n%s", complaint.text.c_str(), tern::peer::k_usage);
        return 2;
    }
}
