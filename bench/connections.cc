// S7: handshake, one byte each way, close from the client and then from the server. The client's
// side stays in TIME-WAIT for 60 s of the stacks' clock.
//
// Without --time-waits the clock hardly moves, as in the peers' runs, and TIME-WAITs only pile up.
// With --time-waits N the clock moves so that N connections last as long as a TIME-WAIT lives, and
// so many are opened before the measurement: each further one ends the oldest.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "pair.hh"

namespace tern::bench {

namespace {

constexpr std::byte k_request{'q'};
constexpr std::byte k_reply{'r'};
// The rate is also given for this many first connections, while few TIME-WAITs stand.
constexpr u64 k_first = 1'000;

class Dialogues {
public:
    explicit Dialogues(Pair& pair) : pair_(pair) {
        ListenOptions o;
        o.backlog = 4096;
        pair_.listen(o);
    }

    // Completes `n` more connections, `concurrent` at a time.
    void run(u64 n, u64 concurrent) {
        const u64 end = started_ + n;
        while (closed_ < end) {
            while (started_ < end && started_ - closed_ < concurrent) {
                const auto c = pair_.connect(started_++);
                require(c.has_value(), "cannot connect");
            }
            step();
        }
        while (step()) {}
    }

    u64 closed() const { return closed_; }
    u64 time_waits() const { return pair_.client.tcp().count().time_waits; }
    void require_closed() const {
        const Tcp::Count c = pair_.client.tcp().count();
        const Tcp::Count s = pair_.server.tcp().count();
        require(c.connections == 0, "the client kept a closed connection");
        require(s.connections == 0 && s.embryos == 0 && s.time_waits == 0,
                "the server kept a closed connection");
    }

private:
    bool step() {
        return pair_.step([this](const Event& e) { on_server(e); },
                          [this](const Event& e) { on_client(e); });
    }

    void on_client(const Event& e) {
        Tcp& tcp = pair_.client.tcp();
        const TcpConnection c = e.connection();
        if (e.bits & Connected) require(tcp.send(c, {&k_request, 1}).has_value(), "cannot send");
        if (e.bits & Readable) {
            std::array<std::byte, 16> in;
            const auto n = tcp.receive(c, in);
            if (n) {
                require(*n == 1 && in[0] == k_reply, "wrong reply");
                require(tcp.close(c).has_value(), "cannot close");
            } else {
                require(n.error() == Error::EndOfStream, "a connection broke");
            }
        }
        if (e.bits & Closed) {
            require(e.error == Error::None, "a connection did not close in order");
            tcp.release(c);
            ++closed_;
        }
    }

    void on_server(const Event& e) {
        Tcp& tcp = pair_.server.tcp();
        if (e.kind == Event::Kind::Listener) {
            while (tcp.accept(e.listener())) {}
            return;
        }
        const TcpConnection c = e.connection();
        if ((e.bits & (Readable | PeerClosed)) == 0) return;
        std::array<std::byte, 16> in;
        const auto n = tcp.receive(c, in);
        if (n) {
            require(*n == 1 && in[0] == k_request, "wrong request");
            require(tcp.send(c, {&k_reply, 1}).has_value(), "cannot reply");
        } else if (n.error() == Error::EndOfStream) {
            require(tcp.close(c).has_value(), "cannot close");
            tcp.release(c);
        }
    }

    Pair& pair_;
    u64 started_ = 0, closed_ = 0;
};

void print(const Options& o, double rate, double first_rate, u64 done, u64 time_waits) {
    std::printf(o.json ? "{\"peer\":\"tern\",\"bench\":\"connections\",\"connections_per_s\":%.0f,"
                         "\"first_1000_per_s\":%.0f,\"connections\":%ju,\"time_waits\":%ju,"
                         "\"concurrent\":%ju}\n"
                       : "tern connections: %.0f/s; the first 1,000: %.0f/s (%ju connections, %ju "
                         "in TIME-WAIT, %ju at a time)\n",
                rate, first_rate, std::uintmax_t{done}, std::uintmax_t{time_waits},
                std::uintmax_t{o.concurrent});
}

void run(const Options& options) {
    const u64 most = options.connections != 0 ? options.connections : u64{4'000'000};
    Pair pair(options, options.time_waits != 0 ? options.time_waits + 1'000'000 : most);
    pair.set_step(std::chrono::nanoseconds(100));
    Dialogues dialogues(pair);
    if (options.time_waits != 0) {
        // How many steps a connection takes; then N of them are to last the life of a TIME-WAIT.
        const Instant before = pair.now();
        const u64 n = 10'000;
        dialogues.run(n, options.concurrent);
        const auto steps = (pair.now() - before).count() / 100;
        const auto life = std::chrono::nanoseconds(std::chrono::seconds(60)).count();
        const double per_connection =
            static_cast<double>(life) / static_cast<double>(options.time_waits);
        const double step = per_connection * static_cast<double>(n) / static_cast<double>(steps);
        require(step < 10e6,
                "so few TIME-WAITs need a clock that outruns the timers: at least "
                "--time-waits 100000");
        pair.set_step(Duration{static_cast<i64>(step)});
        dialogues.run(options.time_waits + n, options.concurrent);
    }
    if (options.units != 0) {
        dialogues.run(options.units, options.concurrent);
        dialogues.require_closed();
        return pair.require_clean();
    }
    const u64 earlier = dialogues.closed();
    const Stopwatch watch;
    u64 done = 0;
    double first_elapsed = 0;
    double elapsed = 0;
    const u64 turn = std::max<u64>(options.concurrent * 16, 100);
    while (done < most && elapsed < options.seconds) {
        dialogues.run(turn, options.concurrent);
        done = dialogues.closed() - earlier;
        elapsed = watch.seconds();
        if (first_elapsed == 0 && done >= k_first)
            first_elapsed = elapsed * static_cast<double>(k_first) / static_cast<double>(done);
    }
    dialogues.require_closed();
    pair.require_clean();
    if (options.time_waits == 0)
        require(dialogues.time_waits() == dialogues.closed(), "the client keeps no TIME-WAIT");
    print(options, static_cast<double>(done) / elapsed,
          static_cast<double>(k_first) / first_elapsed, done, dialogues.time_waits());
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "connections"));
    return 0;
}
