// The application's side of a script: RFC 9293 3.9.1 calls, and the conversations that open and
// close a connection.
#include <algorithm>

#include "lab/script/inside.hh"

namespace tern::script {

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string failed(const char* call, Error e) {
    return std::string{call} + ": " + std::string{message_of(e)};
}

}  // namespace

// --- the calls

void Script::listen(Where at) {
    start();
    ListenOptions o = setup.listen;
    o.local.port = setup.server_port;
    o.options = setup.tcp;
    const auto listener = inside_->stack->tcp().listen(o);
    if (!listener) fail(failed("listen()", listener.error()), at);
    inside_->listener = *listener;
    flow(setup.server_port, setup.client_port);
    run_until(inside_->now);
}

Result<void> Script::try_connect(bool fast_open) {
    start();
    flow(setup.client_port, setup.server_port);
    ConnectOptions o;
    o.local_port = setup.client_port;
    o.options = setup.tcp;
    o.fast_open = fast_open;
    const auto c = inside_->stack->tcp().connect({k_peer_address, setup.server_port}, o);
    if (!c) return std::unexpected(c.error());
    app = adopt(*c);
    if (!fast_open) run_until(inside_->now);
    return {};
}

void Script::connect_sending(std::size_t n, Where at) {
    if (const auto done = try_connect(true); !done) fail(failed("connect()", done.error()), at);
    if (n > 0) app.write(n, at);
    run_until(inside_->now);
}

void Script::connect(Where at) {
    if (const auto done = try_connect(); !done) fail(failed("connect()", done.error()), at);
}

Result<Script::App> Script::try_accept() {
    run_until(inside_->now);
    const auto c = inside_->stack->tcp().accept(inside_->listener);
    if (!c) return std::unexpected(c.error());
    return adopt(*c);
}

void Script::accept(Where at) {
    const auto accepted = try_accept();
    if (!accepted) fail(failed("accept()", accepted.error()), at);
    app = *accepted;
}

Script::App Script::adopt(TcpConnection handle) {
    App a;
    a.script_ = this;
    a.handle_ = handle;
    a.flow_ = inside_->flow;
    if (const auto s = inside_->stack->tcp().status(handle))
        a.flow_ = &inside_->flow_of(s->flow.local.port, s->flow.remote.port, setup.peer_isn);
    a.flow_->written.clear();
    return a;
}

void Script::options(const TcpOptions& options) {
    setup.tcp = options;
    if (!app) return;
    const auto done = inside_->stack->tcp().set_options(app.handle(), options);
    if (!done) fail(failed("set_options()", done.error()), Where::current());
    run_until(inside_->now);
}

// --- conversations

std::string Script::peer_syn(const Peer& peer) const {
    std::string o;
    const auto add = [&o](const std::string& option) {
        if (!o.empty()) o += ",";
        o += option;
    };
    if (peer.mss != 0) add("mss " + std::to_string(peer.mss));
    if (peer.sack) add("sackOK");
    if (peer.timestamps) {
        // The echo is printed relative; in a SYN without ACK it is 0.
        const Flow& f = *inside_->flow;
        const u32 ecr = f.last_ts_val - inside_->from_stack(f).first_time;
        const u64 val = milliseconds_of(inside_->now);
        add("TS val " + std::to_string(val) + " ecr " + std::to_string(ecr));
    }
    if (peer.wscale) add("nop,wscale " + std::to_string(*peer.wscale));
    return " win " + std::to_string(std::min(peer.window, 65535u)) + " <" + o + ">";
}

// RFC 7323 2.2: the window is shifted when both SYNs carried the option.
std::string Script::third_window(const Peer& peer) const {
    const bool scaled = peer.wscale && inside_->flow->stack_shift;
    const u32 field = peer.window >> (scaled ? *peer.wscale : 0);
    return " win " + std::to_string(std::min(field, 65535u));
}

void Script::prepare(const Peer& peer, Where at) {
    if (peer.initial_cwnd_segments == 0) return;
    if (inside_->stack && setup.limits.tcp_initial_window_segments != peer.initial_cwnd_segments)
        fail("initial_cwnd_segments is for the first connection of a script", at);
    setup.limits.tcp_initial_window_segments = peer.initial_cwnd_segments;
}

void Script::passive_open(const Peer& peer, Where at) {
    prepare(peer, at);
    if (!inside_->listener) listen(at);
    inject(line("< S 0:0(0)" + peer_syn(peer), at));
    expect(line("> S. 0:0(0) ack 1", at));
    inject(line("< . 1:1(0) ack 1" + third_window(peer), at));
    accept(at);
    state(State::Established, at);
}

void Script::active_open(const Peer& peer, Where at) {
    prepare(peer, at);
    connect(at);
    expect(line("> S 0:0(0)", at));
    inject(line("< S. 0:0(0) ack 1" + peer_syn(peer), at));
    expect(line("> . 1:1(0) ack 1", at));
    // SYN-ACK's window is never scaled; lines without "win" mean the one of Peer from here on.
    const bool scaled = peer.wscale && inside_->flow->stack_shift;
    inside_->flow->peer_window =
        static_cast<u16>(std::min(peer.window >> (scaled ? *peer.wscale : 0), 65535u));
    state(State::Established, at);
}

void Script::active_close(const Peer& peer, Where at) {
    if (!app) passive_open(peer, at);
    app.close(at);
    const u32 fin = static_cast<u32>(1 + inside_->flow->written.size());
    const std::string n = std::to_string(fin);
    const std::string ack = std::to_string(fin + 1);
    const TcpStatus s = status(at);
    const u32 theirs = s.rcv_nxt - s.irs;
    const std::string m = std::to_string(theirs);
    expect(line("> F. " + n + ":" + n + "(0) ack " + m, at));
    inject(line("< . " + m + ":" + m + "(0) ack " + ack, at));
    state(State::FinWait2, at);
    inject(line("< F. " + m + ":" + m + "(0) ack " + ack, at));
    expect(line("> . " + ack + ":" + ack + "(0) ack " + std::to_string(theirs + 1), at));
    state(State::TimeWait, at);
}

void Script::passive_close(Where at) {
    const TcpStatus s = status(at);
    const u32 theirs = s.rcv_nxt - s.irs, ours = s.snd_nxt - s.iss;
    const std::string m = std::to_string(theirs), n = std::to_string(ours);
    const std::string m1 = std::to_string(theirs + 1), n1 = std::to_string(ours + 1);
    inject(line("< F. " + m + ":" + m + "(0) ack " + n, at));
    expect(line("> . " + n + ":" + n + "(0) ack " + m1, at));
    state(State::CloseWait, at);
    app.close(at);
    expect(line("> F. " + n + ":" + n + "(0) ack " + m1, at));
    state(State::LastAck, at);
    inject(line("< . " + m1 + ":" + m1 + "(0) ack " + n1, at));
    state(State::Closed, at);
}

// --- App

Result<std::size_t> Script::App::send(std::string_view bytes) {
    const auto sent = script_->stack().tcp().send(handle_, bytes_of(bytes));
    if (sent) flow_->written += bytes.substr(0, *sent);
    script_->run_until(script_->inside_->now);
    return sent;
}

std::size_t Script::App::write(std::size_t n, Where at) {
    return write(std::string_view{pattern(true, flow_->written.size(), n)}, at);
}

std::size_t Script::App::write(std::string_view bytes, Where at) {
    const auto sent = send(bytes);
    if (!sent) script_->fail(failed("app.write()", sent.error()), at);
    return *sent;
}

Result<std::size_t> Script::App::try_write(std::size_t n) {
    return send(pattern(true, flow_->written.size(), n));
}

void Script::App::urgent(std::size_t n, Where at) {
    const std::string bytes = pattern(true, flow_->written.size(), n);
    const auto sent = script_->stack().tcp().send_urgent(handle_, bytes_of(bytes));
    if (!sent) script_->fail(failed("app.urgent()", sent.error()), at);
    flow_->written += bytes.substr(0, *sent);
    script_->run_until(script_->inside_->now);
}

Result<std::size_t> Script::App::try_read(std::size_t n, Where at) {
    std::string bytes(n, '\0');
    const auto got = script_->stack().tcp().receive(
        handle_, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    if (got) {
        for (std::size_t i = 0; i < *got; ++i)
            if (bytes[i] != pattern(false, read_ + i))
                script_->fail("app.read(): wrong byte at offset " + std::to_string(read_ + i), at);
        read_ += *got;
    }
    script_->run_until(script_->inside_->now);
    return got;
}

std::size_t Script::App::read(std::size_t n, Where at) {
    std::size_t total = 0;
    while (total < n) {
        const auto got = try_read(n - total, at);
        if (!got) {
            if (got.error() != Error::WouldBlock && got.error() != Error::EndOfStream)
                script_->fail(failed("app.read()", got.error()), at);
            break;
        }
        if (*got == 0) break;
        total += *got;
    }
    return total;
}

std::size_t Script::App::read_all(Where at) {
    constexpr std::size_t k_piece = 65536;
    std::size_t total = 0;
    for (std::size_t got = read(k_piece, at); got > 0; got = read(k_piece, at)) total += got;
    return total;
}

std::string Script::App::read_bytes(std::size_t n) {
    std::string bytes(n, '\0');
    const auto got = script_->stack().tcp().receive(
        handle_, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    bytes.resize(got ? *got : 0);
    read_ += bytes.size();
    script_->run_until(script_->inside_->now);
    return bytes;
}

Result<std::byte> Script::App::read_urgent() {
    const auto got = script_->stack().tcp().receive_urgent(handle_);
    script_->run_until(script_->inside_->now);
    return got;
}

bool Script::App::at_end() {
    std::byte one[1];
    const auto got = script_->stack().tcp().receive(handle_, one);
    if (got) read_ += *got;
    return !got && got.error() == Error::EndOfStream;
}

void Script::App::close(Where at) {
    const auto done = script_->stack().tcp().close(handle_);
    if (!done) script_->fail(failed("app.close()", done.error()), at);
    script_->run_until(script_->inside_->now);
}

void Script::App::abort(Where at) {
    const auto done = script_->stack().tcp().abort(handle_);
    if (!done) script_->fail(failed("app.abort()", done.error()), at);
    script_->run_until(script_->inside_->now);
}

void Script::App::release() {
    script_->stack().tcp().release(handle_);
    handle_ = {};
    script_->run_until(script_->inside_->now);
}

u16 Script::App::events() const {
    return script_->inside_->events[{handle_.index, handle_.generation}].all;
}

u16 Script::App::take_events() {
    HandleEvents& h = script_->inside_->events[{handle_.index, handle_.generation}];
    return std::exchange(h.fresh, u16{0});
}

Error Script::App::error() const {
    const HandleEvents& h = script_->inside_->events[{handle_.index, handle_.generation}];
    if (h.error != Error::None) return h.error;
    const auto s = script_->stack().tcp().status(handle_);
    return s ? s->error : Error::None;
}

}  // namespace tern::script
