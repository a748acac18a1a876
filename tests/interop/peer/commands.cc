#include "peer/commands.hh"

#include <cstdio>

namespace tern::peer {

namespace {

constexpr Duration k_patience = std::chrono::seconds(10);

}  // namespace

void Commands::answer(Reply reply) {
    std::printf("%s\n", reply.text().c_str());
    std::fflush(stdout);
}

void Commands::wait(const Words& w, Instant at, Try attempt) {
    waiting_ = std::move(attempt);
    deadline_ = at + w.milliseconds("timeout", k_patience);
}

void Commands::work(Instant at) {
    for (;;) {
        if (waiting_) {
            auto reply = waiting_();
            if (!reply && at < deadline_) return;
            if (!reply) reply = Reply{}.set("ok", false).set("error", "timeout");
            waiting_ = nullptr;
            answer(std::move(*reply));
        }
        if (lines_.empty() || quit_) return;
        const std::string line = std::move(lines_.front());
        lines_.pop_front();
        obey(line, at);
    }
}

void Commands::obey(const std::string& line, Instant at) {
    try {
        const Words w(line);
        if (w.verb() == "quit") {
            quit_ = true;
            answer(host_->counters().set("ok", true));
        } else if (!other_tcp(w) && !datagrams(w, at) && !network(w, at)) {
            if (w.verb() == "accept")
                accept(w, at);
            else if (w.verb() == "wait")
                wait_bits(w, at);
            else if (w.verb() == "send")
                send(w, at);
            else if (w.verb() == "recv")
                recv(w, at);
            else if (w.verb() == "read-once")
                read_once(w, at);
            else
                throw Complaint{"no such command: " + w.verb()};
        }
    } catch (const Complaint& complaint) {
        answer(Reply{}.set("ok", false).set("error", complaint.text));
    }
}

bool Commands::network(const Words& w, Instant at) {
    if (w.verb() == "impair") {
        host_->change(impairments_of(w.text("out")), impairments_of(w.text("in")));
    } else if (w.verb() == "steal-window-updates") {
        using From = WindowUpdateThief::From;
        host_->steal_window_updates(w.text("from") == "tern" ? From::Outbound : From::Inbound);
    } else if (w.verb() == "counters") {
        answer(host_->counters().set("ok", true));
        return true;
    } else if (w.verb() == "ping") {
        ping(w, at);
        return true;
    } else if (w.verb() == "add-address") {
        address_told_ = false;
        const auto address = Cidr::parse(w.text("address"));
        if (!address) throw Complaint{"add-address needs address=A/N"};
        const auto probe = w.yes("probe") ? Stack::Probe::Yes : Stack::Probe::No;
        if (auto r = host_->stack().add_address(host_->interface(), *address, probe); !r)
            throw Complaint{std::string(message_of(r.error()))};
    } else if (w.verb() == "add-prefix") {
        const auto prefix = Cidr::parse(w.text("prefix"));
        if (!prefix) throw Complaint{"add-prefix needs prefix=A/N"};
        const auto arp = w.yes("arp", true) ? Stack::Arp::Answer : Stack::Arp::Silent;
        if (auto r = host_->stack().add_prefix(host_->interface(), *prefix, arp); !r)
            throw Complaint{std::string(message_of(r.error()))};
    } else if (w.verb() == "wait-address") {
        wait_address(w, at);
        return true;
    } else {
        return false;
    }
    answer(Reply{}.set("ok", true));
    return true;
}

void Commands::wait_address(const Words& w, Instant at) {
    wait(w, at, [this]() -> std::optional<Reply> {
        if (!address_told_) return std::nullopt;
        return Reply{}.set("ok", true).set("told", message_of(address_error_));
    });
}

void Commands::ping(const Words& w, Instant at) {
    const auto to = IpAddress::parse(w.text("to"));
    if (!to) throw Complaint{"ping needs to=ADDRESS"};
    std::string data(w.number("bytes", 56), 'p');
    const auto sequence = static_cast<u16>(w.number("sequence", 1));
    const auto sent = host_->stack().send_echo(*to, 77, sequence, std::as_bytes(std::span(data)));
    if (!sent) throw Complaint{std::string(message_of(sent.error()))};
    wait(w, at, [this, data]() -> std::optional<Reply> {
        const auto reply = host_->stack().next_echo_reply();
        if (!reply) return std::nullopt;
        const auto bytes = reply->data.bytes();
        const bool same =
            bytes.size() == data.size() && std::memcmp(bytes.data(), data.data(), data.size()) == 0;
        return Reply{}
            .set("ok", true)
            .set("from", reply->from.to_string())
            .set("sequence", reply->sequence)
            .set("ttl", reply->ttl)
            .set("same", same);
    });
}

// Datagrams ---------------------------------------------------------------------------------

Reply Commands::udp_open(const Words& w) {
    UdpOptions o;
    o.local.port = static_cast<u16>(w.number("port"));
    if (w.has("remote")) o.remote = w.endpoint("remote");
    o.broadcast = w.yes("broadcast");
    o.user = ++last_id_;
    const auto opened = host_->stack().udp().open(o);
    if (!opened) throw Complaint{std::string(message_of(opened.error()))};
    ports_[last_id_] = {*opened, w.yes("echo")};
    const auto local = host_->stack().udp().local_endpoint(*opened);
    return Reply{}.set("ok", true).set("id", last_id_).set("port", local ? local->port : 0);
}

Reply Commands::udp_send(const Words& w) {
    const std::string data = w.has("bytes") ? std::string(w.number("bytes"), 'u') : w.text("text");
    std::optional<Endpoint> to;
    if (w.has("to")) to = w.endpoint("to");
    const auto sent =
        host_->stack().udp().send(ports_.at(w.first()).handle, std::as_bytes(std::span(data)), to);
    if (!sent) throw Complaint{std::string(message_of(sent.error()))};
    return Reply{}.set("ok", true);
}

void Commands::udp_recv(const Words& w, Instant at) {
    const UdpSocket handle = ports_.at(w.first()).handle;
    wait(w, at, [this, handle]() -> std::optional<Reply> {
        const auto got = host_->stack().udp().receive(handle);
        if (!got && got.error() == Error::WouldBlock) return std::nullopt;
        if (!got) return Reply{}.set("ok", false).set("error", message_of(got.error()));
        Sha256 hash;
        hash.add(got->data.bytes());
        const auto shown = got->data.bytes().first(std::min<std::size_t>(got->data.size(), 100));
        const auto* text = reinterpret_cast<const char*>(shown.data());
        return Reply{}
            .set("ok", true)
            .set("bytes", got->data.size())
            .set("sha", hash.hex())
            .set("text", std::string_view(text, shown.size()))
            .set("from", got->from.to_string())
            .set("to", got->to.to_string())
            .set("ttl", got->ttl);
    });
}

void Commands::echo_datagrams(Port& port) {
    for (;;) {
        const auto got = host_->stack().udp().receive(port.handle);
        if (!got) return;
        (void)host_->stack().udp().send(port.handle, got->data.bytes(), got->from, got->to);
    }
}

bool Commands::datagrams(const Words& w, Instant at) {
    try {
        if (w.verb() == "udp-open")
            answer(udp_open(w));
        else if (w.verb() == "udp-send")
            answer(udp_send(w));
        else if (w.verb() == "udp-recv")
            udp_recv(w, at);
        else if (w.verb() == "udp-close") {
            host_->stack().udp().close(ports_.at(w.first()).handle);
            ports_.erase(w.first());
            answer(Reply{}.set("ok", true));
        } else
            return false;
    } catch (const std::out_of_range&) {
        throw Complaint{"no such UDP port"};
    }
    return true;
}

// Events ------------------------------------------------------------------------------------

void Commands::take(const Event& event) {
    if (event.kind == Event::Kind::Tcp) {
        const auto it = conversations_.find(static_cast<u32>(event.user));
        if (it == conversations_.end()) return;
        Conversation& c = *it->second;
        if (!(c.handle() == event.connection())) return;
        const bool was_done = c.done();
        c.on_event(event.bits, event.error);
        if (!was_done && c.done()) just_done_.push_back(it->first);
    } else if (event.kind == Event::Kind::Listener) {
        const auto it = listeners_.find(static_cast<u32>(event.user));
        if (it != listeners_.end() && it->second.automatic) accept_waiting(it->second);
    } else if (event.kind == Event::Kind::Udp) {
        const auto it = ports_.find(static_cast<u32>(event.user));
        if (it != ports_.end() && it->second.echo) echo_datagrams(it->second);
    } else if (event.kind == Event::Kind::Address) {
        address_told_ = true;
        address_error_ = event.error;
    }
    count_done();
}

void Commands::accept_waiting(Listening& l) {
    for (;;) {
        const auto accepted = host_->stack().tcp().accept(l.handle);
        if (!accepted) return;
        l.unclaimed.push_back(add(*accepted, l.service, l.bytes, true));
    }
}

u32 Commands::add(TcpConnection handle, Service service, u64 bytes, bool connected) {
    const u32 id = ++last_id_;
    (void)host_->stack().tcp().set_user(handle, id);
    auto c = std::make_unique<Conversation>(host_->stack(), handle, service, bytes, connected);
    Conversation& added = *c;
    conversations_[id] = std::move(c);
    ++total_.opened;
    added.serve();
    if (added.done()) just_done_.push_back(id);
    count_done();
    return id;
}

void Commands::count_done() {
    for (; !just_done_.empty(); just_done_.pop_front()) {
        const Conversation& c = *conversations_.at(just_done_.front());
        ++total_.done;
        total_.received += c.received();
        total_.sent += c.sent();
        if (c.error() != Error::None) ++total_.errors[std::string(message_of(c.error()))];
    }
}

}  // namespace tern::peer
