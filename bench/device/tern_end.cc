// tern at a TAP or at one end of a veth, with the kernel behind it.
#include <array>
#include <cstdio>
#include <optional>
#include <vector>

#include "tern/runtime.hh"
#include "world.hh"

namespace tern::bench {

namespace {

class TernEnd final : public EventSink {
public:
    explicit TernEnd(const DeviceOptions& o) : o_(o), runtime_(config(o)), block_(256 * 1024) {
        if (!o.xdp) configure(std::string{"addr add 10.9.0.1/24 dev "} + k_tap);
    }

    void connect() {
        ConnectOptions options;
        options.options.no_delay = true;
        options.options.send_buffer = options.options.receive_buffer = o_.buffer;
        const auto c = tcp().connect({Ipv4Address{k_kernel_address}, k_port}, options);
        require(c.has_value(), "cannot connect");
        connection_ = *c;
        while (!connected_) turn();
    }
    void turn() {
        runtime_.run_once(std::chrono::milliseconds(100), static_cast<EventSink&>(*this));
    }
    void round_trip() {
        const u64 before = received_;
        const auto n = tcp().send(connection_, std::span{block_}.first(k_round_trip_bytes));
        require(n && *n == k_round_trip_bytes, "cannot send");
        while (received_ < before + k_round_trip_bytes) turn();
    }
    u64 received() const { return received_; }
    u64 system_calls() const { return runtime_.link_counters().system_calls; }

    void on_event(const Event& e) override {
        require((e.bits & Closed) == 0, "the connection broke");
        if ((e.bits & Connected) != 0) connected_ = true;
        if ((e.bits & Readable) != 0) o_.slices ? take() : read();
        if ((e.bits & Writable) != 0 && o_.question == DeviceOptions::Question::Send) write();
    }

private:
    static RuntimeConfig config(const DeviceOptions& o) {
        RuntimeConfig c;
        c.link = o.xdp ? std::string{"xdp:"} + k_veth : std::string{"tap:"} + k_tap;
        c.addresses = {"10.9.0.2/24"};
        c.offloads = o.offloads;
        c.wait = o.spin ? Wait::Spin : o.adaptive ? Wait::Adaptive : Wait::Sleep;
        return c;
    }
    Tcp& tcp() { return runtime_.stack().tcp(); }
    void write() {
        if (o_.slices) return give();
        while (const auto n = tcp().send(connection_, block_))
            if (*n < block_.size()) return;
    }
    // The same bytes again and again, as a server does with a file that it has in memory.
    void give() {
        if (!page_) {
            Packet p = runtime_.stack().pool().allocate(PacketPool::k_payload_super);
            require(bool(p), "no memory");
            p.append(65'160);
            page_ = Slice{std::move(p)};
        }
        for (;;) {
            Slice one = page_.share();
            if (!tcp().send(connection_, one)) return;
        }
    }
    void read() {
        while (const auto n = tcp().receive(connection_, block_)) received_ += *n;
    }
    void take() {
        while (const auto slice = tcp().receive(connection_)) received_ += slice->size();
    }

    const DeviceOptions& o_;
    Runtime runtime_;
    TcpConnection connection_{};
    std::vector<std::byte> block_;
    Slice page_;
    u64 received_ = 0;
    bool connected_ = false;
};

}  // namespace

Figures measure_tern(const DeviceOptions& o) {
    enter_namespace();
    Child child(o.xdp, [&](Shared& s) { kernel_end(o, s); });
    if (o.xdp) join_by_veth(child, o);
    TernEnd end(o);
    child.let_go();
    child.await_ready();
    end.connect();
    if (o.question == DeviceOptions::Question::RoundTrip)
        return measure_round_trips(o, child, [&] { end.round_trip(); });
    const bool receives = o.question == DeviceOptions::Question::Receive;
    return measure(
        o, child, [&] { end.turn(); },
        [&] { return receives ? end.received() : child.shared().received.load(); },
        [&] { return end.system_calls(); });
}

}  // namespace tern::bench
