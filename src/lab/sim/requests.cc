// Request and response: the server answers each whole request, the client asks again.
#include "lab/sim/pattern.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {

struct Requests::Inside {
    World& world;
    Host& from;
    Host& to;
    RequestOptions options;
    StreamPtr client{};
    u64 asked = 0, answered_bytes = 0;
    bool intact = true;
    Instant asked_at{};
    std::optional<Instant> finished{};
    Error error = Error::None;
    std::vector<Duration> latencies{};
    TcpStatus last{};

    void listen() {
        ListenOptions o;
        o.options = options.tcp;
        o.options.no_delay = true;
        to.listen(
            options.port, [this](const StreamPtr& s) { serve(s); }, o);
    }
    void serve(const StreamPtr& s) {
        s->on_data = [this, stream = s.get(), got = u64{0}](std::span<const std::byte> b) mutable {
            intact = intact && is_pattern(got, b);
            const u64 before = got / options.request;
            got += b.size();
            for (u64 n = before; n < got / options.request; ++n)
                send(*stream, n * options.response, options.response);
        };
        s->on_end = [stream = s.get()] { stream->close(); };
    }
    static void send(Stream& stream, u64 position, u64 length) {
        while (length > 0) {
            const auto chunk = pattern_at(position, length);
            stream.send(chunk);
            position += chunk.size();
            length -= chunk.size();
        }
    }
    void connect() {
        ConnectOptions o;
        o.options = options.tcp;
        o.options.no_delay = true;
        client = from.connect({to.address(), options.port}, o);
        client->on_connected = [this] { ask(); };
        client->on_data = [this](std::span<const std::byte> bytes) { answer(bytes); };
        client->on_closed = [this](Error why) {
            error = why;
            last = client->status();
        };
    }
    void ask() {
        asked_at = world.now();
        send(*client, asked++ * options.request, options.request);
    }
    void answer(std::span<const std::byte> bytes) {
        intact = intact && is_pattern(answered_bytes, bytes) &&
                 answered_bytes + bytes.size() <= asked * options.response;
        answered_bytes += bytes.size();
        if (answered_bytes < asked * options.response) return;
        latencies.push_back(world.now() - asked_at);
        if (asked < options.count) {
            from.after(options.interval, [this] { ask(); });
            return;
        }
        finished = world.now();
        client->close();
    }
};

Requests::Requests(World& world, Host& from, Host& to, const RequestOptions& options)
    : inside_(new Inside{.world = world, .from = from, .to = to, .options = options}) {
    if (options.request == 0 || options.response == 0 || options.count == 0)
        throw std::invalid_argument("requests need a count and sizes above 0");
    Inside& in = *inside_;
    to.on_start([&in] { in.listen(); });
    from.on_start([&in] {
        if (in.client) return;
        const Duration wait = Instant{} + in.options.start - in.world.now();
        in.from.after(std::max(wait, Duration{}), [&in] { in.connect(); });
    });
}

Requests::~Requests() = default;

u64 Requests::completed() const { return inside_->latencies.size(); }
bool Requests::intact() const { return inside_->intact; }
bool Requests::done() const { return inside_->finished.has_value() && inside_->intact; }
std::optional<Instant> Requests::finished() const { return inside_->finished; }
Error Requests::error() const { return inside_->error; }
const std::vector<Duration>& Requests::latencies() const { return inside_->latencies; }

const TcpStatus& Requests::status() {
    Inside& in = *inside_;
    if (in.client && in.client->alive()) in.last = in.client->status();
    return in.last;
}

}  // namespace tern::sim
