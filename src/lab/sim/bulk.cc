// A bulk transfer: the receiver listens anew after each of its starts, the sender connects once,
// or again while `retry` says so.
#include "lab/sim/pattern.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {

namespace {
constexpr Duration k_retry_after = std::chrono::milliseconds(100);
}

struct Bulk::Inside {
    World& world;
    Host& from;
    Host& to;
    BulkOptions options;
    StreamPtr sender{};
    u64 sent = 0, received = 0;
    bool intact = true, ended = false;
    std::optional<Instant> finished{};
    Instant started{};
    Error error = Error::None;
    u32 attempts = 0;
    TcpStatus last{};

    void listen() {
        ListenOptions o;
        o.options = options.tcp;
        to.listen(
            options.port, [this](const StreamPtr& s) { serve(s); }, o);
    }
    void serve(const StreamPtr& s) {
        received = 0;
        ended = false;
        s->on_data = [this](std::span<const std::byte> bytes) {
            intact =
                intact && received + bytes.size() <= options.bytes && is_pattern(received, bytes);
            received += bytes.size();
        };
        s->on_end = [this, stream = s.get()] {
            stream->close();
            if (received != options.bytes) return;
            ended = true;
            if (!finished) finished = world.now();
        };
    }
    void connect() {
        if (attempts++ == 0) started = world.now();
        sent = 0;
        ConnectOptions o;
        o.options = options.tcp;
        sender = from.connect({to.address(), options.port}, o);
        sender->on_connected = sender->on_writable = [this] { write(); };
        sender->on_closed = [this](Error why) { closed(why); };
    }
    void write() {
        while (sent < options.bytes) {
            const auto chunk = pattern_at(sent, options.bytes - sent);
            const std::size_t taken = sender->write(chunk);
            sent += taken;
            if (taken < chunk.size()) return;
        }
        last = sender->status();  // of the stream at work; what follows is its end
        sender->close();
    }
    void closed(Error why) {
        error = why;
        last = sender->status();
        if (why != Error::None && options.retry && !ended)
            from.after(k_retry_after, [this] { connect(); });
    }
};

Bulk::Bulk(World& world, Host& from, Host& to, const BulkOptions& options)
    : inside_(new Inside{.world = world, .from = from, .to = to, .options = options}) {
    Inside& in = *inside_;
    to.on_start([&in] { in.listen(); });
    from.on_start([&in] {
        // After a restart of the sender there is a new beginning only if it was asked for.
        if (in.attempts > 0 && (!in.options.retry || in.ended)) return;
        const Duration wait = Instant{} + in.options.start - in.world.now();
        in.from.after(std::max(wait, Duration{}), [&in] { in.connect(); });
    });
}

Bulk::~Bulk() = default;

u64 Bulk::received() const { return inside_->received; }
bool Bulk::intact() const { return inside_->intact; }
bool Bulk::done() const { return inside_->ended && inside_->intact; }
std::optional<Instant> Bulk::finished() const { return inside_->finished; }
Error Bulk::error() const { return inside_->error; }
u32 Bulk::attempts() const { return inside_->attempts; }

double Bulk::bits_per_second() const {
    const Inside& in = *inside_;
    const Duration took = in.finished.value_or(in.world.now()) - in.started;
    if (in.attempts == 0 || took <= Duration{}) return 0;
    return static_cast<double>(in.received) * 8e9 / static_cast<double>(took.count());
}

const TcpStatus& Bulk::status() {
    Inside& in = *inside_;
    if (in.sender && in.sender->alive()) in.last = in.sender->status();
    return in.last;
}

}  // namespace tern::sim
