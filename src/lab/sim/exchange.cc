// Both ways at once: each side sends its part and closes, and reads until the other has.
#include "lab/sim/pattern.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {

namespace {

using namespace std::chrono_literals;

constexpr Duration k_retry_after = 100ms;

// One side of one connection; its stream's callbacks keep it.
struct Half : std::enable_shared_from_this<Half> {
    Half(Host& h, u64 send, u64 expect, Duration p)
        : host(h), to_send(send), expected(expect), pause(p) {}

    Host& host;
    u64 to_send, expected;
    Duration pause;
    u64 sent = 0, received = 0;
    bool intact = true, ended = false, aborts = false, aborted = false;
    std::function<void()> told{};                // something arrived, or the end
    std::function<void(Error)> told_of_close{};  // and the connection is over
    StreamPtr stream{};

    void take(const StreamPtr& s) {
        stream = s;
        s->on_connected = s->on_writable = [me = shared_from_this()] { me->write(); };
        s->on_data = [me = shared_from_this()](std::span<const std::byte> b) { me->read(b); };
        s->on_end = [me = shared_from_this()] { me->end(); };
        s->on_closed = [me = shared_from_this()](Error why) {
            if (me->told_of_close) me->told_of_close(why);
        };
    }
    void write() {
        while (sent < to_send) {
            const auto chunk = pattern_at(sent, to_send - sent);
            const std::size_t taken = stream->write(chunk);
            sent += taken;
            if (taken < chunk.size()) return;
        }
        stream->close();
    }
    void read(std::span<const std::byte> bytes) {
        intact = intact && received + bytes.size() <= expected && is_pattern(received, bytes);
        received += bytes.size();
        if (aborts && 2 * received >= expected && stream->alive()) {
            aborted = true;
            stream->abort();
        } else if (pause > Duration{}) {
            stream->pause();
            host.after(pause, [s = stream] { s->read_on(); });
        }
        if (told) told();
    }
    void end() {
        ended = true;
        intact = intact && received == expected;
        if (told) told();
    }
};
using HalfPtr = std::shared_ptr<Half>;

}  // namespace

struct Exchange::Inside {
    World& world;
    Host& from;
    Host& to;
    ExchangeOptions options;
    std::vector<HalfPtr> clients{};  // by connection, the one that tries
    std::vector<bool> settled{};     // by connection
    u64 received_before = 0, served_bytes = 0;
    bool intact_before = true;
    u32 begun = 0, completed = 0, aborted = 0, attempts = 0, served = 0, crossed = 0;
    std::optional<Instant> finished{};
    Error error = Error::None;
    TcpStatus last{};
    std::vector<HalfPtr> servers{};

    void listen() {
        ListenOptions o;
        o.options = options.tcp;
        to.listen(
            options.port, [this](const StreamPtr& s) { serve(s); }, o);
    }
    HalfPtr add_server() {
        std::erase_if(servers, [this](const HalfPtr& h) {
            if (h->stream && h->stream->alive()) return false;
            forget(*h);
            return true;
        });
        servers.push_back(std::make_shared<Half>(to, options.back, options.there, options.pause));
        Half* half = servers.back().get();
        half->told = [this, half] {
            if (half->ended && half->received == half->expected && !half->aborts) ++served;
            if (half->ended) half->told = {};
        };
        return servers.back();
    }
    void forget(const Half& h) {
        received_before += h.received;
        intact_before = intact_before && h.intact;
    }
    void serve(const StreamPtr& s) {
        const HalfPtr half = add_server();
        half->take(s);
        half->write();
    }
    ConnectOptions connect_options(bool simultaneous) const {
        ConnectOptions o;
        o.options = options.tcp;
        if (simultaneous) o.local_port = options.port;
        return o;
    }
    void begin() {
        if (begun == options.count) return;
        clients.emplace_back();
        settled.push_back(false);
        connect(begun++);
        from.after(options.interval, [this] { begin(); });
    }
    void connect(u32 which) {
        ++attempts;
        if (clients[which]) forget(*clients[which]);
        clients[which] = std::make_shared<Half>(from, options.there, options.back, options.pause);
        const HalfPtr half = clients[which];
        half->aborts = options.abort_every != 0 && (which + 1) % options.abort_every == 0;
        half->told_of_close = [this, which](Error why) { closed(which, why); };
        half->take(
            from.connect({to.address(), options.port}, connect_options(options.simultaneous)));
    }
    void connect_back() {
        const HalfPtr half = add_server();
        half->take(to.connect({from.address(), options.port}, connect_options(true)));
    }
    void closed(u32 which, Error why) {
        Half& half = *clients[which];
        last = half.stream->status();
        if (half.aborted) {
            ++aborted;
        } else if (half.ended && (why == Error::None || knew_all(why))) {
            ++completed;
        } else {
            error = why;
            if (options.retry) from.after(k_retry_after, [this, which] { connect(which); });
            return;
        }
        settled[which] = true;
        if (done()) finished = world.now();
    }
    // A network that is away for longer than the peer's TIME-WAIT leaves nobody there to
    // acknowledge our FIN: the RST that answers it tells nothing that either side did not know.
    bool knew_all(Error why) const {
        return why == Error::Reset && options.simultaneous && served > completed;
    }
    bool done() const { return completed + aborted == options.count; }
};

Exchange::Exchange(World& world, Host& from, Host& to, const ExchangeOptions& options)
    : inside_(new Inside{.world = world, .from = from, .to = to, .options = options}) {
    Inside& in = *inside_;
    if (options.simultaneous && (options.count != 1 || options.retry))
        throw std::invalid_argument("a simultaneous open is one connection, and made once");
    const auto at_start = [&in](Host& host, auto action) {
        const Duration wait = Instant{} + in.options.start - in.world.now();
        host.after(std::max(wait, Duration{}), action);
    };
    to.on_start([&in, at_start] {
        if (!in.options.simultaneous) return in.listen();
        if (in.crossed++ == 0) at_start(in.to, [&in] { in.connect_back(); });
    });
    from.on_start([&in, at_start] {
        if (in.attempts == 0) return at_start(in.from, [&in] { in.begin(); });
        if (!in.options.retry) return;
        // What the restart took with it begins anew; then the rest.
        for (u32 i = 0; i < in.begun; ++i)
            if (!in.settled[i]) in.connect(i);
        in.begin();
    });
}

Exchange::~Exchange() = default;

u64 Exchange::received() const {
    u64 all = inside_->received_before;
    for (const auto& halves : {inside_->clients, inside_->servers})
        for (const HalfPtr& h : halves) all += h->received;
    return all;
}
bool Exchange::intact() const {
    bool all = inside_->intact_before;
    for (const auto& halves : {inside_->clients, inside_->servers})
        for (const HalfPtr& h : halves) all = all && h->intact;
    return all;
}
bool Exchange::done() const { return inside_->done(); }
bool Exchange::lost_any() const { return inside_->served < inside_->completed; }
u32 Exchange::completed() const { return inside_->completed; }
u32 Exchange::aborted() const { return inside_->aborted; }
u32 Exchange::attempts() const { return inside_->attempts; }
std::optional<Instant> Exchange::finished() const { return inside_->finished; }
Error Exchange::error() const { return inside_->error; }

const TcpStatus& Exchange::status() {
    Inside& in = *inside_;
    for (const HalfPtr& h : in.clients)
        if (h->stream && h->stream->alive()) return in.last = h->stream->status();
    return in.last;
}

}  // namespace tern::sim
