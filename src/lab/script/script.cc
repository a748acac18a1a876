// The stack under test, its time, and what it has sent. Time moves in run_until() alone.
#include "lab/script/script.hh"

#include <algorithm>

#include "lab/script/inside.hh"
#include "lab/trace/line_text.hh"

namespace tern::script {

namespace {

Observer* g_witness = nullptr;
std::unique_ptr<Observer> (*g_make_follower)() = nullptr;

// A stack that asks for the same instant so often will do so for ever.
constexpr int k_turns_max = 100'000;

}  // namespace

void set_witness(Observer* witness) { g_witness = witness; }
void set_follower(std::unique_ptr<Observer> (*make)()) { g_make_follower = make; }

char pattern(bool from_stack, u64 offset) {
    // Neither repeats with a power of two, so that bytes from a wrong place are told apart.
    const u64 n = offset * (from_stack ? 31 : 37) + offset / 251 * 7 + (from_stack ? 1 : 101);
    return static_cast<char>(n % 253);
}

std::string pattern(bool from_stack, u64 offset, std::size_t n) {
    std::string bytes(n, '\0');
    for (std::size_t i = 0; i < n; ++i) bytes[i] = pattern(from_stack, offset + i);
    return bytes;
}

std::string duration_text(Duration d) { return trace::short_text(d); }

Script::Script() : inside_(std::make_unique<Inside>()) { app.script_ = this; }
Script::~Script() { finish(); }

void Script::start() {
    Inside& in = *inside_;
    if (in.stack) return;
    in.budget = std::make_unique<MemoryBudget>(setup.memory_limit);
    in.pool = std::make_unique<PacketPool>(*in.budget);
    in.story = trace::StoryPrinter{{.start = in.start}};
    in.observers.add(&in.story);
    in.observers.add(&in.watch);
    in.observers.add(g_witness);
    if (g_make_follower != nullptr) in.follower = g_make_follower();
    in.observers.add(in.follower.get());
    in.observers.add(setup.observer);
    in.stack = std::make_unique<Stack>(StackConfig{.seed = setup.seed,
                                                   .memory_limit = setup.memory_limit,
                                                   .pool = in.pool.get(),
                                                   .observer = &in.observers,
                                                   .limits = setup.limits});
    in.stack->set_header_prediction(setup.header_prediction);
    InterfaceConfig config;
    config.name = "script";
    config.medium = Medium::Ip;
    config.mtu = setup.mtu;
    config.transmit_checksum = setup.transmit_checksum;
    config.segmentation = setup.segmentation;
    in.interface = in.stack->add_interface(config).value();
    if (!in.stack->add_address(in.interface, {k_stack_address, 24}))
        throw std::logic_error("the script's stack refuses its address");
    in.stack->advance(in.now);
    flow(setup.server_port, setup.client_port);
}

Flow& Script::Inside::flow_of(u16 local_port, u16 remote_port, u32 peer_isn) {
    const auto [it, fresh] = flows.try_emplace({local_port, remote_port});
    Flow& f = it->second;
    if (fresh) {
        f.local_port = local_port;
        f.remote_port = remote_port;
        trace::Numbers::Direction& peer = from_peer(f);
        peer = {
            .known = true, .initial = peer_isn, .time_known = true, .first_time = 0, .fixed = true};
        from_stack(f) = {};
    }
    return f;
}

void Script::flow(u16 local_port, u16 remote_port) {
    start();
    inside_->flow = &inside_->flow_of(local_port, remote_port, setup.peer_isn);
}

void Script::peer_isn(u32 absolute) {
    start();
    inside_->from_peer(*inside_->flow).initial = absolute;
}

u32 Script::iss() const { return inside_->flow ? inside_->from_stack(*inside_->flow).initial : 0; }

void Script::auto_timestamps(bool on) {
    start();
    inside_->flow->auto_timestamps = on;
}

void Script::Inside::capture(Packet packet) {
    if (!packet) return;
    Sent s;
    s.at = now;
    s.bytes.assign(packet.bytes().begin(), packet.bytes().end());
    s.checksum_partial = packet->checksum == ChecksumState::Partial;
    s.view = trace::view_of(s.bytes, Medium::Ip);
    if (s.view.kind == trace::FrameView::Kind::Tcp) {
        // Only ports of flows the script speaks of: a reset to a stranger has none.
        const auto it = flows.find({s.view.source.port, s.view.destination.port});
        s.flow = it == flows.end() ? nullptr : &it->second;
        s.line = story.numbers().line_of(s.view);
        s.text = wire::print_line(s.line);
    } else {
        s.text = trace::describe(s.view);
    }
    if (s.flow != nullptr) {
        if (s.view.options.has_timestamps) s.flow->last_ts_val = s.view.options.ts_val;
        if (s.view.tcp.has(wire::Syn)) {
            s.flow->stack_offers_timestamps = s.view.options.has_timestamps;
            s.flow->stack_shift.reset();
            if (s.view.options.has_window_scale) s.flow->stack_shift = s.view.options.window_scale;
        }
    }
    if (const trace::Reason* reason = story.reasons().find(packet->note))
        s.text += "    " + trace::explain(*reason);
    sent.push_back(std::move(s));
}

void Script::Inside::on_event(const Event& e) {
    if (e.kind != Event::Kind::Tcp) return;
    HandleEvents& h = events[{e.index, e.generation}];
    h.all |= e.bits;
    h.fresh |= e.bits;
    if ((e.bits & Closed) != 0) h.error = e.error;
}

// Between two calls: before what they have made is sent, and after it.
void Script::examine() {
    if (const auto broken = inside_->stack->broken_invariant())
        fail("an invariant does not hold: " + std::string{broken->what}, Where::current());
}

void Script::pump() {
    Inside& in = *inside_;
    examine();
    for (int turn = 0; turn < k_turns_max; ++turn) {
        while (const auto e = in.stack->next_event()) in.on_event(*e);
        PacketBatch batch = in.stack->transmit(in.now, in.interface);
        if (batch.empty()) return examine();
        for (u32 i = 0; i < batch.size(); ++i) in.capture(batch.take(i));
    }
    fail("the stack never stops sending at this instant", Where::current());
}

void Script::run_until(Instant target) {
    start();
    Inside& in = *inside_;
    pump();
    int turns = 0;
    for (Instant due = in.stack->next_deadline(); due <= target; due = in.stack->next_deadline()) {
        turns = due > in.now ? 0 : turns + 1;
        if (turns > k_turns_max)
            fail("the stack's next_deadline() does not move on", Where::current());
        in.now = std::max(in.now, due);
        in.stack->advance(in.now);
        pump();
    }
    if (in.now == target) return;
    // The calls have no time of their own: the stack must know it before the next one.
    in.now = target;
    in.stack->advance(in.now);
    pump();
}

void Script::advance(Duration d) {
    start();
    run_until(inside_->now + d);
}

void Script::quiet(Duration d, Where at) {
    start();
    Inside& in = *inside_;
    const Instant from = in.now;
    run_until(from + d);
    if (in.sent.empty()) return;
    const Sent& s = in.sent.front();
    fail("expected: silence for " + duration_text(d) + "\n     got: > " + s.text + ", " +
             (s.at < from ? "before it" : "after " + duration_text(s.at - from)),
         at);
}

void Script::ignore_output() {
    run_until(inside_->now);
    inside_->sent.clear();
}

std::size_t Script::waiting() const { return inside_->sent.size(); }

State Script::state() const {
    const Inside& in = *inside_;
    if (in.stack && app) {
        if (const auto s = in.stack->tcp().status(app.handle())) return s->state;
    }
    return in.flow == nullptr ? State::Closed : in.watch.of(*in.flow);
}

void Script::state(State wanted, Where at) {
    run_until(inside_->now);
    if (const State got = state(); got != wanted)
        fail(std::string{"expected: state "}
                 .append(name_of(wanted))
                 .append("\n     got: ")
                 .append(name_of(got)),
             at);
}

TcpStatus Script::status(Where at) {
    run_until(inside_->now);
    auto s = inside_->stack->tcp().status(app.handle());
    if (!s) fail(std::string{"status(): "}.append(message_of(s.error())), at);
    return *s;
}

u64 Script::drops(DropReason reason) const {
    return inside_->stack ? counters().dropped(reason) : 0;
}
const Counters& Script::counters() const { return inside_->stack->counters(); }
Tcp::Count Script::count() {
    start();
    return inside_->stack->tcp().count();
}
Duration Script::elapsed() const { return inside_->now - inside_->start; }
Stack& Script::stack() {
    start();
    return *inside_->stack;
}
TcpListener Script::listener() const { return inside_->listener; }
Interface Script::interface() const { return inside_->interface; }
PacketPool& Script::pool() {
    start();
    return *inside_->pool;
}

std::string Script::story() const {
    return "The story so far (relative numbers; the stack sends >):\n" + inside_->story.text();
}

void Script::fail(const std::string& what, Where at) {
    throw Failure(story() + "\nat " + trace::seconds_text(elapsed()) + "\n" + what + "\n", at);
}

void Script::check(bool holds, const char* text, Where at) {
    if (!holds) fail(std::string{"does not hold: "} + text, at);
}

std::string Script::finish() {
    Inside& in = *inside_;
    if (!in.stack || in.finished) return {};
    in.finished = true;
    std::string wrong;
    for (const Sent& s : in.sent)
        wrong += "sent at " + trace::seconds_text(s.at - in.start) + " and never expected: > " +
                 s.text + "\n";
    in.sent.clear();
    in.stack.reset();
    if (const u64 leaked = in.pool->packets_in_use(); leaked > 0) {
        wrong += std::to_string(leaked) + " packets leaked from the pool\n";
        // The pool's own check would end the program, and every other test with it.
        static_cast<void>(in.pool.release());
        static_cast<void>(in.budget.release());
    }
    return wrong;
}

}  // namespace tern::script
