// The commands that act on TCP: each is one call of tern/tcp.hh, or waits for its outcome.
#include <cstring>

#include "peer/commands.hh"

namespace tern::peer {

namespace {

Complaint complaint(Error error) { return Complaint{std::string(message_of(error))}; }

Service service(const Words& w) {
    const auto named = service_of(w.text("service", "hold"));
    if (!named) throw Complaint{"no such service: " + w.text("service")};
    return *named;
}

constexpr std::string_view k_ecn[] = {"off", "accept", "classic", "accurate"};

Ecn ecn(const std::string& name) {
    for (u8 i = 0; i < std::size(k_ecn); ++i)
        if (name == k_ecn[i]) return Ecn{i};
    throw Complaint{"no such ECN: " + name};
}

// The name lives as long as the program: a word does not.
std::string_view congestion(const std::string& name) {
    for (const std::string_view known : {"cubic", "reno", "bbr", "dctcp"})
        if (name == known) return known;
    throw Complaint{"no such congestion control: " + name};
}

TcpOptions options_of(const Words& w, TcpOptions o = {}) {
    o.no_delay = w.yes("no_delay", o.no_delay);
    o.keep_alive = w.yes("keep_alive", o.keep_alive);
    o.keep_alive_idle = w.milliseconds("keep_alive_idle", o.keep_alive_idle);
    o.keep_alive_interval = w.milliseconds("keep_alive_interval", o.keep_alive_interval);
    o.keep_alive_probes = static_cast<u8>(w.number("keep_alive_probes", o.keep_alive_probes));
    o.user_timeout_option = w.yes("user_timeout_option", o.user_timeout_option);
    if (w.has("user_timeout")) o.user_timeout = w.milliseconds("user_timeout");
    o.send_buffer = static_cast<u32>(w.number("send_buffer", o.send_buffer));
    o.receive_buffer = static_cast<u32>(w.number("receive_buffer", o.receive_buffer));
    o.urgent_inline = w.yes("urgent_inline", o.urgent_inline);
    o.timestamps = w.yes("timestamps", o.timestamps);
    o.window_scale = w.yes("window_scale", o.window_scale);
    o.sack = w.yes("sack", o.sack);
    o.max_segment = static_cast<u16>(w.number("max_segment", o.max_segment));
    if (w.has("ecn")) o.ecn = ecn(w.text("ecn"));
    if (w.has("congestion")) o.congestion = congestion(w.text("congestion"));
    return o;
}

u16 bits_of(const std::string& names) {
    static const std::map<std::string, u16> k_bits = {
        {"connected", TcpEventBits::Connected}, {"readable", TcpEventBits::Readable},
        {"writable", TcpEventBits::Writable},   {"peer_closed", TcpEventBits::PeerClosed},
        {"closed", TcpEventBits::Closed},       {"urgent", TcpEventBits::Urgent},
        {"soft_error", TcpEventBits::SoftError}};
    const auto it = k_bits.find(names);
    if (it == k_bits.end()) throw Complaint{"no such event: " + names};
    return it->second;
}

}  // namespace

Conversation& Commands::conversation(const Words& w) {
    const auto it = conversations_.find(w.first());
    if (it == conversations_.end()) throw Complaint{"no such connection"};
    return *it->second;
}

Reply Commands::listen(const Words& w) {
    ListenOptions o;
    o.local.port = static_cast<u16>(w.number("port"));
    o.backlog = static_cast<u32>(w.number("backlog", o.backlog));
    o.syn_backlog = static_cast<u32>(w.number("syn_backlog", o.syn_backlog));
    o.syn_cookies = w.yes("syn_cookies", o.syn_cookies);
    o.reuse_address = w.yes("reuse");
    o.fast_open = static_cast<u32>(w.number("fast_open", o.fast_open));
    o.options = options_of(w);
    o.user = ++last_id_;
    const auto opened = host_->stack().tcp().listen(o);
    if (!opened) throw complaint(opened.error());
    listeners_[last_id_] = {*opened, service(w), w.number("bytes"), w.yes("automatic", true), {}};
    const auto local = host_->stack().tcp().local_endpoint(*opened);
    return Reply{}.set("ok", true).set("id", last_id_).set("port", local ? local->port : 0);
}

Reply Commands::close_listener(const Words& w) {
    const auto it = listeners_.find(w.first());
    if (it == listeners_.end()) throw Complaint{"no such listener"};
    if (auto r = host_->stack().tcp().close_listener(it->second.handle); !r)
        throw complaint(r.error());
    listeners_.erase(it);
    return Reply{}.set("ok", true);
}

void Commands::accept(const Words& w, Instant at) {
    const u32 id = w.first();
    wait(w, at, [this, id]() -> std::optional<Reply> {
        const auto it = listeners_.find(id);
        if (it == listeners_.end()) return Reply{}.set("ok", false).set("error", "closed");
        Listening& l = it->second;
        if (!l.automatic && l.unclaimed.empty()) accept_waiting(l);
        if (l.unclaimed.empty()) return std::nullopt;
        const u32 accepted = l.unclaimed.front();
        l.unclaimed.pop_front();
        return Reply{}.set("ok", true).set("id", accepted);
    });
}

Reply Commands::connect(const Words& w) {
    ConnectOptions o;
    o.local_port = static_cast<u16>(w.number("local_port"));
    if (w.has("from")) o.local_address = IpAddress::parse(w.text("from"));
    o.reuse_address = w.yes("reuse");
    o.fast_open = w.yes("fast_open");
    o.options = options_of(w);
    const std::string text = w.text("text", "");  // with fast_open it may travel in SYN
    const u64 count = w.number("count", 1);
    u32 id = 0;
    for (u64 i = 0; i < count; ++i) {
        const auto opened = host_->stack().tcp().connect(w.endpoint("to"), o);
        if (!opened) throw complaint(opened.error());
        if (!text.empty()) (void)host_->stack().tcp().send(*opened, std::as_bytes(std::span(text)));
        id = add(*opened, service(w), w.number("bytes"), false);
    }
    return Reply{}.set("ok", true).set("id", id);
}

// for=done waits for the end of a service, any other word for that event.
void Commands::wait_bits(const Words& w, Instant at) {
    const std::string what = w.text("for", "done");
    const u16 wanted = what == "done" ? u16{0} : bits_of(what);
    Conversation& c = conversation(w);
    wait(w, at, [&c, wanted]() -> std::optional<Reply> {
        if (wanted == 0 ? !c.done() : (c.bits() & wanted) == 0) return std::nullopt;
        Reply r = c.summary();
        c.forget_bits(wanted);
        return r.set("ok", true);
    });
}

void Commands::send(const Words& w, Instant at) {
    Conversation& c = conversation(w);
    if (w.has("text")) {
        const std::string text = w.text("text");
        const auto sent = host_->stack().tcp().send(c.handle(), std::as_bytes(std::span(text)));
        if (!sent) throw complaint(sent.error());
        return answer(Reply{}.set("ok", true).set("taken", *sent));
    }
    c.queue(w.number("bytes"));
    wait(w, at, [&c]() -> std::optional<Reply> {
        const bool alive = c.send_some();
        if (alive && c.unsent() > 0) return std::nullopt;
        return c.summary().set("ok", alive);
    });
}

// Reads until there are so many bytes, or the end, or an error.
void Commands::recv(const Words& w, Instant at) {
    Conversation& c = conversation(w);
    const u64 bytes = w.number("bytes", ~u64{0});
    auto text = std::make_shared<std::string>();
    auto hash = std::make_shared<Sha256>();
    auto total = std::make_shared<u64>(0);
    wait(w, at, [&c, bytes, text, hash, total]() -> std::optional<Reply> {
        Error error = Error::None;
        while (*total < bytes && error == Error::None) {
            std::size_t taken = 0;
            std::string piece;
            error = c.receive_some(bytes - *total, &piece, taken);
            hash->add(std::as_bytes(std::span(piece)));
            *total += taken;
            if (text->size() < 200) text->append(piece.substr(0, 200 - text->size()));
        }
        if (error == Error::WouldBlock) return std::nullopt;
        return Reply{}
            .set("ok", true)
            .set("bytes", *total)
            .set("sha", hash->hex())
            .set("text", *text)
            .set("end", message_of(error));
    });
}

// One call of receive(), as soon as it has anything to say.
void Commands::read_once(const Words& w, Instant at) {
    Conversation& c = conversation(w);
    const u64 most = w.number("max", 1000);
    wait(w, at, [this, &c, most]() -> std::optional<Reply> {
        const bool mark = host_->stack().tcp().at_mark(c.handle()).value_or(false);
        std::string text;
        std::size_t taken = 0;
        const Error error = c.receive_some(most, &text, taken);
        if (error == Error::WouldBlock) return std::nullopt;
        return Reply{}
            .set("ok", true)
            .set("bytes", taken)
            .set("text", text.substr(0, 1000))
            .set("was_at_mark", mark)
            .set("end", message_of(error));
    });
}

Reply Commands::urgent(const Words& w) {
    const std::string text = w.text("text");
    const auto taken =
        host_->stack().tcp().send_urgent(conversation(w).handle(), std::as_bytes(std::span(text)));
    if (!taken) throw complaint(taken.error());
    return Reply{}.set("ok", true).set("taken", *taken);
}

Reply Commands::urgent_byte(const Words& w) {
    const auto byte = host_->stack().tcp().receive_urgent(conversation(w).handle());
    if (!byte) throw complaint(byte.error());
    return Reply{}.set("ok", true).set("text", std::string(1, static_cast<char>(*byte)));
}

Reply Commands::ending(const Words& w) {
    Conversation& c = conversation(w);
    if (w.verb() == "release") {
        c.release();
        return Reply{}.set("ok", true);
    }
    const auto done = w.verb() == "close" ? host_->stack().tcp().close(c.handle())
                                          : host_->stack().tcp().abort(c.handle());
    if (!done) throw complaint(done.error());
    return Reply{}.set("ok", true);
}

Reply Commands::status(const Words& w) {
    const auto s = host_->stack().tcp().status(conversation(w).handle());
    if (!s) throw complaint(s.error());
    return Reply{}
        .set("ok", true)
        .set("state", name_of(s->state))
        .set("error", message_of(s->error))
        .set("soft_error", message_of(s->soft_error))
        .set("local", s->flow.local.to_string())
        .set("remote", s->flow.remote.to_string())
        .set("snd_wnd", s->snd_wnd)
        .set("rcv_wnd", s->rcv_wnd)
        .set("cwnd", s->cwnd)
        .set("ssthresh", s->ssthresh)
        .set("flight", s->flight)
        .set("send_mss", s->send_mss)
        .set("unsent", s->unsent)
        .set("readable", s->readable)
        .set("out_of_order", s->out_of_order)
        .set("srtt_us", s->srtt.count() / 1000)
        .set("rto_ms", s->rto.count() / 1'000'000)
        .set("retransmissions", s->retransmissions)
        .set("backoff", s->backoff)
        .set("timestamps", s->timestamps)
        .set("sack", s->sack)
        .set("window_scale", s->window_scale)
        .set("snd_wind_shift", s->snd_wind_shift)
        .set("ecn", k_ecn[static_cast<u8>(s->ecn)])
        .set("ecn_capable", s->ecn_capable)
        .set("urgent_pending", s->urgent_pending)
        .set("urgent_ahead", s->urgent_ahead)
        .set("fast_open", s->fast_open)
        .set("receive_buffer", s->receive_buffer)
        .set("send_buffer", s->send_buffer)
        .set("at_mark", host_->stack().tcp().at_mark(conversation(w).handle()).value_or(false));
}

Reply Commands::set_options(const Words& w) {
    const TcpConnection handle = conversation(w).handle();
    const auto before = host_->stack().tcp().options(handle);
    if (!before) throw complaint(before.error());
    const auto set = host_->stack().tcp().set_options(handle, options_of(w, *before));
    if (!set) throw complaint(set.error());
    return Reply{}.set("ok", true);
}

Reply Commands::totals() {
    Reply errors;
    for (const auto& [name, count] : total_.errors) errors.set(name, count);
    Reply r;
    r.set("ok", true)
        .set("opened", total_.opened)
        .set("done", total_.done)
        .set("received", total_.received)
        .set("sent", total_.sent)
        .set("errors", errors);
    return r;
}

bool Commands::other_tcp(const Words& w) {
    const std::string& verb = w.verb();
    if (verb == "listen")
        answer(listen(w));
    else if (verb == "close-listener")
        answer(close_listener(w));
    else if (verb == "connect")
        answer(connect(w));
    else if (verb == "urgent")
        answer(urgent(w));
    else if (verb == "urgent-byte")
        answer(urgent_byte(w));
    else if (verb == "close" || verb == "abort" || verb == "release")
        answer(ending(w));
    else if (verb == "status")
        answer(status(w));
    else if (verb == "set")
        answer(set_options(w));
    else if (verb == "summary")
        answer(conversation(w).summary().set("ok", true));
    else if (verb == "totals")
        answer(totals());
    else if (verb == "serve") {
        conversation(w).change_service(service(w), w.number("bytes"));
        answer(Reply{}.set("ok", true));
    } else
        return false;
    return true;
}

}  // namespace tern::peer
