// S1: one connection, the client writes as fast as the window allows, the server copies everything
// out and looks at the first and the last byte of each read.
#include <array>
#include <cstdint>
#include <cstdio>

#include "pair.hh"

namespace tern::bench {

namespace {

// The stream repeats a pattern of a prime length, so a lost, doubled or shifted byte range is
// noticed.
constexpr std::size_t k_period = 16'381;
constexpr std::size_t k_chunk = 65'536;

class Bulk {
public:
    Bulk(Pair& pair, const Options& options) : pair_(pair) {
        u32 x = 1;
        for (std::size_t i = 0; i < pattern_.size(); ++i) {
            x = i % k_period == 0 ? 1 : x * 1'664'525U + 1'013'904'223U;
            pattern_[i] = static_cast<std::byte>(x >> 24);
        }
        TcpOptions buffers;
        buffers.send_buffer = buffers.receive_buffer = options.buffer;
        ListenOptions listening;
        ConnectOptions connecting;
        listening.options = connecting.options = buffers;
        pair_.listen(listening);
        const auto c = pair_.connect(0, connecting);
        require(c.has_value(), "cannot connect");
        client_ = *c;
    }

    void step() {
        pair_.step([this](const Event& e) { on_server(e); },
                   [this](const Event& e) { on_client(e); });
    }

    u64 received() const { return received_; }

private:
    void on_server(const Event& e) {
        if (e.kind == Event::Kind::Listener) {
            require(pair_.server.tcp().accept(e.listener()).has_value(), "cannot accept");
        } else {
            require((e.bits & (Closed | PeerClosed)) == 0, "the stream ended early");
            if (e.bits & Readable) read(e.connection());
        }
    }

    void on_client(const Event& e) {
        require((e.bits & Closed) == 0, "the connection broke");
        if (e.bits & Writable) write();
    }

    void write() {
        for (;;) {
            const std::span chunk{&pattern_[sent_ % k_period], k_chunk};
            const auto n = pair_.client.tcp().send(client_, chunk);
            if (!n) break;
            sent_ += *n;
            if (*n < k_chunk) break;
        }
    }

    void read(TcpConnection c) {
        for (;;) {
            const auto n = pair_.server.tcp().receive(c, sink_);
            if (!n) break;
            const bool intact = sink_[0] == pattern_[received_ % k_period] &&
                                sink_[*n - 1] == pattern_[(received_ + *n - 1) % k_period];
            require(intact, "the stream is damaged");
            received_ += *n;
        }
    }

    Pair& pair_;
    TcpConnection client_;
    u64 sent_ = 0, received_ = 0;
    std::array<std::byte, k_period + k_chunk> pattern_;
    std::array<std::byte, k_chunk> sink_;
};

void run(const Options& options) {
    Pair pair(options);
    static Bulk bulk(pair, options);
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;) bulk.step();

    const u64 first_byte = bulk.received();
    const u64 first_frame = pair.data_frames();
    const u64 first_any = pair.frames();
    const u64 first_predicted =
        pair.client.counters().tcp_predicted + pair.server.counters().tcp_predicted;
    const Stopwatch watch;
    while (watch.seconds() < options.seconds)
        for (int i = 0; i < 16; ++i) bulk.step();
    const double elapsed = watch.seconds();
    const u64 bytes = bulk.received() - first_byte;
    const u64 frames = pair.data_frames() - first_frame;
    const u64 any = pair.frames() - first_any;
    const u64 predicted = pair.client.counters().tcp_predicted +
                          pair.server.counters().tcp_predicted - first_predicted;
    require(frames > 0, "nothing was sent");
    pair.require_clean();

    const double gbit = static_cast<double>(bytes) * 8 / elapsed / 1e9;
    const double ns = elapsed * 1e9 / static_cast<double>(frames);
    const double share = static_cast<double>(predicted) / static_cast<double>(any);
    const double acks = static_cast<double>(any - frames) / static_cast<double>(frames);
    std::printf(options.json
                    ? "{\"peer\":\"tern\",\"bench\":\"bulk\",\"gbit_per_s\":%.3f,"
                      "\"ns_per_frame\":%.1f,\"frames\":%ju,\"bytes\":%ju,"
                      "\"predicted_share\":%.4f,\"acks_per_frame\":%.3f}\n"
                    : "tern bulk: %.3f Gbit/s, %.1f ns per data frame (%ju frames, %ju bytes; "
                      "predicted %.4f, ACKs per frame %.3f)\n",
                gbit, ns, std::uintmax_t{frames}, std::uintmax_t{bytes}, share, acks);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "bulk"));
    return 0;
}
