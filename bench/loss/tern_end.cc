// tern's end of bench/loss: a bulk sender or receiver on a TAP, with no option of the stack changed
// but the congestion control that was asked for.
#include <cstdio>
#include <map>

#include "bench/loss/end.hh"
#include "tern/fanout.hh"
#include "tern/pcapng.hh"
#include "tern/runtime.hh"

namespace tern::bench {

namespace {

Runtime* to_wake = nullptr;

// Why segments were sent and why the congestion window moved, counted.
class ReasonCount final : public Observer {
public:
    void on_segment_sent(const SegmentSentEvent& e) override { ++counts_[name_of(e.reason)]; }
    void on_window(const WindowEvent& e) override { ++counts_[e.why]; }
    std::string json() const {
        std::string text;
        for (const auto& [why, count] : counts_) {
            text += text.empty() ? "{\"" : ",\"";
            text += why;
            text += "\":" + std::to_string(count);
        }
        return text.empty() ? "{}" : text + "}";
    }

private:
    std::map<std::string_view, u64> counts_;
};

class TernEnd {
public:
    explicit TernEnd(const EndOptions& o) : o_(o), runtime_(config()) {
        to_wake = &runtime_;
        listen_for_stop([] { to_wake->wake(); });
    }
    ~TernEnd() {
        runtime_.stack().set_observer(nullptr);
        capture_.reset();
        if (file_ != nullptr) std::fclose(file_);
    }
    TernEnd(const TernEnd&) = delete;
    TernEnd& operator=(const TernEnd&) = delete;

    void send();
    void receive();

private:
    RuntimeConfig config() {
        RuntimeConfig c;
        c.link = o_.link;
        c.addresses = {o_.address};
        all_.add(&reasons_);
        if (!o_.capture.empty()) {
            file_ = std::fopen(o_.capture.c_str(), "wb");
            if (file_ == nullptr) give_up("cannot write " + o_.capture);
            capture_.emplace(file_, PcapngOptions{.snap_length = 96});
            all_.add(&*capture_);
        }
        c.observer = &all_;
        return c;
    }
    Tcp& tcp() { return runtime_.stack().tcp(); }
    void fill();
    void greet();
    void sample();
    void tell_sent();
    bool take();

    const EndOptions& o_;
    ReasonCount reasons_;
    std::FILE* file_ = nullptr;
    std::optional<PcapngWriter> capture_;
    Fanout all_;
    Runtime runtime_;
    TcpConnection peer_{};
    Pattern pattern_;
    Samples samples_;
    u64 sent_ = 0;
    Instant began_{};
    bool over_ = false;
    Arrivals arrivals_;
};

void TernEnd::fill() {
    while (sent_ < o_.bytes) {
        auto piece = pattern_.at(sent_);
        piece = piece.first(std::min<u64>(piece.size(), o_.bytes - sent_));
        const auto taken = tcp().send(peer_, piece);
        if (!taken) return;
        sent_ += *taken;
    }
}

void TernEnd::sample() {
    const Instant now = runtime_.now();
    if (!samples_.due(now)) return;
    if (const auto s = tcp().status(peer_)) {
        samples_.add(now, s->cwnd, s->ssthresh, s->flight, s->srtt);
    }
}

void TernEnd::tell_sent() {
    const auto s = tcp().status(peer_);
    const Counters& c = runtime_.stack().counters();
    std::printf(
        "{\"began\":%.6f,\"accepted\":%llu,\"segments\":%llu,\"retransmissions\":%u,"
        "\"srtt_ms\":%.3f,\"rto_ms\":%.3f,\"waited\":%.3f,\"reasons\":%s,\"samples\":%s}\n",
        seconds_of(began_), static_cast<unsigned long long>(sent_),
        static_cast<unsigned long long>(c.tcp_segments_out), s ? s->retransmissions : 0,
        s ? static_cast<double>(s->srtt.count()) / 1e6 : 0,
        s ? static_cast<double>(s->rto.count()) / 1e6 : 0, waited_for_core(),
        reasons_.json().c_str(), samples_.json().c_str());
}

// A ping, so that the first segment does not wait for ARP: the kernel's ends know their neighbours.
void TernEnd::greet() {
    if (!runtime_.stack().send_echo(o_.peer.address, 1, 1, {})) return;
    const Instant patience = runtime_.now() + std::chrono::seconds(1);
    while (!runtime_.stack().next_echo_reply() && runtime_.now() < patience) {
        runtime_.run_once(patience - runtime_.now(), [](const Event&) {});
    }
}

void TernEnd::send() {
    greet();
    ConnectOptions options;
    options.options.no_delay = true;
    options.options.congestion = o_.congestion;
    auto c = tcp().connect(o_.peer, options);
    if (!c) give_up("no connection could be asked for");
    peer_ = *c;
    while (stop_asked == 0 && !over_) {
        runtime_.run_once(Samples::k_every, [&](const Event& e) {
            if ((e.bits & TcpEventBits::Connected) != 0) began_ = runtime_.now();
            if ((e.bits & TcpEventBits::Closed) != 0) over_ = true;
            if ((e.bits & (TcpEventBits::Connected | TcpEventBits::Writable)) != 0) fill();
        });
        if (began_ != Instant{}) sample();
    }
    tell_sent();
    tcp().abort(peer_);
    runtime_.run_once({}, [](const Event&) {});
}

// Everything there is; false when the stream is over.
bool TernEnd::take() {
    for (;;) {
        const auto slice = tcp().receive(peer_);
        if (!slice) return slice.error() == Error::WouldBlock;
        arrivals_.add(runtime_.now(), slice->bytes());
    }
}

void TernEnd::receive() {
    auto listener = tcp().listen({.local = {.port = o_.port}});
    if (!listener) give_up("no listener");
    std::printf("ready\n");
    std::fflush(stdout);
    Instant end = Instant::max();
    while (stop_asked == 0 && !over_ && runtime_.now() < end && arrivals_.total() < o_.bytes) {
        const Duration left =
            end == Instant::max() ? Duration{std::chrono::seconds(1)} : end - runtime_.now();
        runtime_.run_once(left, [&](const Event& e) {
            if ((e.bits & TcpEventBits::Acceptable) != 0 && !peer_) {
                if (auto c = tcp().accept(*listener)) {
                    peer_ = *c;
                    arrivals_.begin(runtime_.now());
                    if (o_.lasts > Duration{}) end = runtime_.now() + o_.lasts;
                }
            }
            if (peer_ && !take()) over_ = true;
        });
    }
    arrivals_.print();
    if (peer_) tcp().abort(peer_);
    runtime_.run_once({}, [](const Event&) {});
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    const auto options = tern::bench::end_options_of(argc, argv);
    try {
        tern::bench::TernEnd end{options};
        options.sends ? end.send() : end.receive();
    } catch (const tern::RuntimeError& error) {
        tern::bench::give_up(error.what());
    }
}
