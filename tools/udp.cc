// tern udp echo, tern udp send: datagrams both ways, on the stack.
#include <cstdio>

#include <fmt/core.h>

#include "commands.hh"
#include "exit_code.hh"
#include "json.hh"
#include "lost_links.hh"
#include "net_options.hh"
#include "stop_flag.hh"
#include "text.hh"

namespace tern::tools {

namespace {

struct EchoOptions {
    u16 port = 7;
    u64 count = 0;
    bool json = false, quiet = false;
    NetOptions net;
};

struct SendOptions {
    std::string to;
    std::vector<std::string> texts;
    unsigned tries = 3;
    double timeout = 1;
    bool broadcast = false, json = false;
    NetOptions net;
};

UdpSocket open_socket(Runtime& runtime, const UdpOptions& options) {
    auto socket = runtime.stack().udp().open(options);
    if (!socket) {
        throw RuntimeError(socket.error(), "UDP socket on " + options.local.to_string() + ": " +
                                               std::string{message_of(socket.error())});
    }
    return *socket;
}

std::string_view text_of(const Datagram& d) {
    const auto bytes = d.data.bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void print(const Datagram& d, bool json) {
    if (json) {
        print_json({{"from", d.from.to_string()},
                    {"bytes", d.data.size()},
                    {"ttl", d.ttl},
                    {"data", text_of(d)}});
    } else {
        fmt::print("{} bytes from {}: {}\n", d.data.size(), d.from.to_string(),
                   printable(text_of(d)));
        std::fflush(stdout);
    }
}

// From the address that the datagram came to, so that its sender knows the answer as its own; no
// answer comes from a broadcast address.
void answer(Udp& udp, UdpSocket socket, const Datagram& d, bool quiet) {
    const std::optional<IpAddress> source = d.to_group ? std::nullopt : std::optional{d.to};
    if (const auto sent = udp.send(socket, d.data.bytes(), d.from, source); !sent && !quiet) {
        fmt::print(stderr, "tern udp echo: cannot answer {}: {}\n", d.from.to_string(),
                   message_of(sent.error()));
    }
}

void echo(const EchoOptions& o) {
    Observation observation{o.net.observe, Observation::Side::Client};
    Runtime runtime{o.net.config(observation.observer())};
    observation.name_links(runtime);
    UdpOptions options;
    options.local.port = o.port;
    options.broadcast = true;
    const UdpSocket socket = open_socket(runtime, options);
    Udp& udp = runtime.stack().udp();
    if (!o.quiet && !o.json) fmt::print("echoing datagrams on port {}\n", o.port);
    std::fflush(stdout);
    const StopFlag stop{runtime};
    LostLinks lost{runtime, "tern udp echo", o.json};
    u64 echoed = 0;
    while (!stop.stopped() && (o.count == 0 || echoed < o.count)) {
        while (auto datagram = udp.receive(socket)) {
            if (!o.quiet) print(*datagram, o.json);
            answer(udp, socket, *datagram, o.quiet);
            ++echoed;
        }
        runtime.run_once(std::chrono::seconds(1), [](const Event&) {});
        lost.look();
    }
    runtime.run_once(Duration::zero(), [](const Event&) {});
    udp.close(socket);
    observation.tell(&runtime.stack(), o.json);
}

// The socket of `udp send`, connected unless it may reach many: then ICMP errors are told.
UdpSocket open_to(Runtime& runtime, const Endpoint& to, bool broadcast) {
    UdpOptions options;
    options.broadcast = broadcast;
    if (!broadcast) options.remote = to;
    const auto socket = runtime.stack().udp().open(options);
    if (!socket && socket.error() == Error::InvalidAddress && !to.address.is_unspecified()) {
        throw RuntimeError(Error::InvalidAddress,
                           to.to_string() +
                               " is a broadcast address: add --broadcast to send to "
                               "every host on the link");
    }
    return socket ? *socket : open_socket(runtime, options);
}

// What may end `udp send` early.
struct Watch {
    explicit Watch(Runtime& runtime, bool json)
        : stop(runtime), lost(runtime, "tern udp send", json) {}
    StopFlag stop;
    LostLinks lost;
};

// True: an answer came. Sends again when none does, because datagrams may get lost. `told` is what
// ICMP, or our own link, last said about it.
bool exchange(const SendOptions& o, Runtime& runtime, UdpSocket socket, Endpoint to,
              const std::string& text, Watch& watch, Error& told) {
    const auto on_event = [&](const Event& e) {
        if (e.kind == Event::Kind::Udp && (e.bits & UdpError) != 0) told = e.error;
    };
    Udp& udp = runtime.stack().udp();
    for (unsigned i = 0; i < o.tries && !watch.stop.stopped(); ++i) {
        if (auto sent = udp.send(socket, std::as_bytes(std::span(text)), to); !sent) {
            throw RuntimeError(sent.error(), "cannot send to " + to.to_string() + ": " +
                                                 std::string{message_of(sent.error())});
        }
        const Instant end = runtime.now() + Duration{static_cast<i64>(o.timeout * 1e9)};
        while (!watch.stop.stopped() && runtime.now() < end) {
            runtime.run_once(end - runtime.now(), on_event);
            watch.lost.look();
            auto answer = udp.receive(socket);
            if (answer) return print(*answer, o.json), true;
            if (answer.error() == Error::WouldBlock) continue;
            throw RuntimeError(answer.error(),
                               to.to_string() + ": " + std::string{message_of(answer.error())});
        }
    }
    return false;
}

void send(const SendOptions& o) {
    const auto to = Endpoint::parse(o.to);
    if (!to || to->port == 0) {
        fmt::print(stderr, "tern udp send: \"{}\": write ADDRESS:PORT, as in 10.0.0.1:7\n", o.to);
        throw CLI::RuntimeError(k_usage);
    }
    Observation observation{o.net.observe, Observation::Side::Client};
    Runtime runtime{o.net.config(observation.observer())};
    observation.name_links(runtime);
    const UdpSocket socket = open_to(runtime, *to, o.broadcast);
    Watch watch{runtime, o.json};
    for (const std::string& text : o.texts) {
        Error told = Error::None;
        if (exchange(o, runtime, socket, *to, text, watch, told)) continue;
        fmt::print(stderr, "tern udp send: no answer from {}{}{}\n", o.to,
                   told == Error::None ? "" : ": ",
                   told == Error::None ? std::string_view{} : message_of(told));
        throw CLI::RuntimeError(watch.stop.stopped() ? k_interrupted : k_cannot_connect);
    }
    runtime.stack().udp().close(socket);
    observation.tell(&runtime.stack(), o.json);
}

}  // namespace

void add_udp(CLI::App& app) {
    CLI::App* udp = app.add_subcommand("udp", "datagrams, on our own stack");
    udp->require_subcommand(1);

    auto e = std::make_shared<EchoOptions>();
    CLI::App* echo_command = udp->add_subcommand("echo", "send every datagram back");
    echo_command->add_option("--port", e->port, "UDP port")->capture_default_str();
    echo_command->add_option("--count", e->count, "end after so many; 0: never")
        ->check(whole_number())
        ->capture_default_str();
    echo_command->add_flag("--json", e->json, "one JSON object a line");
    echo_command->add_flag("--quiet", e->quiet, "no line per datagram");
    e->net.add_to(*echo_command);
    echo_command->footer("Example:  tern udp echo --port 7 --link tap:tern0");
    echo_command->callback([e] { echo(*e); });

    auto s = std::make_shared<SendOptions>();
    CLI::App* send_command = udp->add_subcommand("send", "send datagrams, print the answers");
    send_command->add_option("to", s->to, "ADDRESS:PORT")->required();
    send_command->add_option("text", s->texts, "one datagram each")->required();
    send_command->add_option("--tries", s->tries, "how often each is sent at most")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1000u));
    send_command->add_option("--timeout", s->timeout, "seconds to wait for an answer")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 86400.0));
    send_command->add_flag("--broadcast", s->broadcast, "the address may be a broadcast");
    send_command->add_flag("--json", s->json, "one JSON object a line");
    s->net.add_to(*send_command);
    send_command->footer(
        "Example:  tern udp send 10.0.0.1:7 hello --link tap:tern0\n"
        "Exit codes: 0 answered, 2 wrong usage, 3 no answer or refused.");
    send_command->callback([s] { send(*s); });
}

}  // namespace tern::tools
