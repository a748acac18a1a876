// S1 to S3: one connection, the client writes as fast as the window allows, the server copies
// everything out and looks at the first and the last byte of each read. With --slices nothing is
// copied: what the server was given is sent again.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "pair.hh"

namespace tern::bench {

namespace {

// The stream repeats a pattern of a prime length, so a lost, doubled or shifted byte range is
// noticed.
constexpr std::size_t k_period = 16'381;
constexpr std::size_t k_chunk = 65'536;
constexpr u32 k_segment = 1448;  // of text: timestamps take 12 bytes
constexpr u32 k_super_segment = 45 * k_segment;

class Bulk {
public:
    Bulk(Pair& pair, const Options& options) : pair_(pair), slices_(options.slices) {
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
        size_ = options.link == Offload::Super ? k_super_segment : k_segment;
        if (slices_) fill_stock(2 * (options.buffer / size_ + 1));
    }

    void step() {
        pair_.step([this](const Event& e) { on_server(e); },
                   [this](const Event& e) { on_client(e); });
        if (slices_) restock();
    }

    u64 received() const { return received_; }

private:
    void on_server(const Event& e) {
        if (e.kind == Event::Kind::Listener) {
            require(pair_.server.tcp().accept(e.listener()).has_value(), "cannot accept");
        } else {
            require((e.bits & (Closed | PeerClosed)) == 0, "the stream ended early");
            if (e.bits & Readable) slices_ ? take(e.connection()) : read(e.connection());
        }
    }

    void on_client(const Event& e) {
        require((e.bits & Closed) == 0, "the connection broke");
        if (e.bits & Writable) slices_ ? give() : write();
    }

    void fill_stock(u32 count) {
        for (u32 i = 0; i < count; ++i) {
            Packet p = pair_.client.pool().allocate(size_);
            require(bool(p), "no memory for the slices");
            std::memset(p.append(size_), 0, size_);
            stock_.emplace_back(std::move(p));
        }
    }

    // Each slice begins with its number.
    void give() {
        while (!stock_.empty()) {
            Packet p = std::move(stock_.back()).into_packet();
            stock_.pop_back();
            std::memcpy(p.data(), &given_, sizeof given_);
            Slice slice{std::move(p)};
            if (!pair_.client.tcp().send(client_, slice)) {
                stock_.push_back(std::move(slice));
                return;
            }
            ++given_;
        }
    }

    void take(TcpConnection c) {
        while (auto slice = pair_.server.tcp().receive(c)) {
            if (received_ % size_ == 0) {
                u64 number;
                std::memcpy(&number, slice->bytes().data(), sizeof number);
                require(number == received_ / size_, "the stream is damaged");
            }
            received_ += slice->size();
            returned_.push_back(std::move(*slice));
        }
    }

    // What is acknowledged is the sender's no more, and may leave in place again. In the beginning,
    // when cwnd is small, slices arrive in parts: new ones replace them.
    void restock() {
        std::vector<Slice> waiting;
        u32 parts = 0;
        for (Slice& slice : returned_) {
            Packet p = std::move(slice).into_packet();
            parts += p.size() != size_;
            if (p.size() != size_) continue;
            std::vector<Slice>& to = p.exclusive() ? stock_ : waiting;
            to.emplace_back(std::move(p));
        }
        returned_ = std::move(waiting);
        fill_stock(parts);
        if (!stock_.empty()) give();
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
    bool slices_;
    std::vector<Slice> stock_, returned_;
    u32 size_ = 0;
    u64 given_ = 0;
    TcpConnection client_;
    u64 sent_ = 0, received_ = 0;
    std::array<std::byte, k_period + k_chunk> pattern_;
    std::array<std::byte, k_chunk> sink_;
};

void run(const Options& options) {
    Pair pair(options);
    const auto whole = std::make_unique<Bulk>(pair, options);
    Bulk& bulk = *whole;
    if (options.units != 0) {  // megabytes
        while (bulk.received() < options.units * 1'000'000) bulk.step();
        return pair.require_clean();
    }
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;) bulk.step();

    const u64 first_byte = bulk.received();
    const u64 first_frame = pair.data_frames();
    const u64 first_any = pair.frames(), first_ack = pair.acks();
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
    const double acks = static_cast<double>(pair.acks() - first_ack) / static_cast<double>(frames);
    std::printf(options.json
                    ? "{\"peer\":\"tern\",\"bench\":\"bulk\",\"gbit_per_s\":%.3f,"
                      "\"ns_per_frame\":%.1f,\"frames\":%ju,\"bytes\":%ju,"
                      "\"predicted_share\":%.4f,\"acks_per_frame\":%.3f,"
                      "\"ns_per_super_segment\":%.1f}\n"
                    : "tern bulk: %.3f Gbit/s, %.1f ns per data frame (%ju frames, %ju bytes; "
                      "predicted %.4f, ACKs per frame %.3f; %.1f ns for 65,160 bytes)\n",
                gbit, ns, std::uintmax_t{frames}, std::uintmax_t{bytes}, share, acks,
                ns * k_super_segment / k_segment);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "bulk"));
    return 0;
}
