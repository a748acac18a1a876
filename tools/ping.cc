// tern ping ADDRESS: ICMP echo, on the stack. It has no Asio, to show the runtime alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

#include "commands.hh"
#include "exit_code.hh"
#include "json.hh"
#include "lost_links.hh"
#include "net_options.hh"
#include "stop_flag.hh"
#include "text.hh"

namespace tern::tools {

namespace {

struct PingOptions {
    std::string address;
    unsigned count = 4, size = 56;
    double interval = 1, timeout = 1;
    bool json = false, quiet = false;
    NetOptions net;
};

class Ping {
public:
    Ping(const PingOptions& o, IpAddress to, Runtime& runtime)
        : o_(o), to_(to), runtime_(runtime), data_(o.size, std::byte{0x5a}),
          identifier_(static_cast<u16>(::getpid())) {}

    void run() {
        const StopFlag stop{runtime_};
        const Duration interval = ticks(o_.interval);
        Instant next = runtime_.now();
        while (!stop.stopped() && sent_ < o_.count) {
            if (runtime_.now() >= next) {
                send();
                next += interval;
            }
            step(next);
        }
        const Instant end = runtime_.now() + ticks(o_.timeout);
        while (!stop.stopped() && received_ < sent_ && runtime_.now() < end) step(end);
    }
    bool answered() const { return received_ > 0; }
    void summary() const;

private:
    static Duration ticks(double seconds) { return Duration{static_cast<i64>(seconds * 1e9)}; }

    void send() {
        const u16 sequence = static_cast<u16>(++sent_);
        const i64 now = runtime_.now().time_since_epoch().count();
        if (data_.size() >= sizeof now) std::memcpy(data_.data(), &now, sizeof now);
        sent_at_ = runtime_.now();
        auto sent = runtime_.stack().send_echo(to_, identifier_, sequence, data_);
        if (!sent) {
            fmt::print(stderr, "tern ping: {}: {}{}\n", to_.to_string(), message_of(sent.error()),
                       sent.error() == Error::NoRoute
                           ? ": add --gateway, or an --address in its network"
                           : "");
        }
    }
    void step(Instant until) {
        const Duration left = std::max(until - runtime_.now(), Duration::zero());
        runtime_.run_once(left, [&](const Event&) {});
        lost_.look();
        while (auto reply = runtime_.stack().next_echo_reply()) on_reply(*reply);
    }
    void on_reply(const EchoReply& reply) {
        if (reply.identifier != identifier_) return;
        i64 then = sent_at_.time_since_epoch().count();
        if (reply.data.size() >= sizeof then) {
            std::memcpy(&then, reply.data.bytes().data(), sizeof then);
        }
        const Duration took = runtime_.now().time_since_epoch() - Duration{then};
        ++received_;
        times_.push_back(seconds_of(took) * 1e3);
        if (o_.quiet) return;
        if (o_.json) {
            print_json({{"from", reply.from.to_string()},
                        {"sequence", reply.sequence},
                        {"ttl", reply.ttl},
                        {"bytes", reply.data.size()},
                        {"ms", rounded(times_.back(), 3)}});
        } else {
            fmt::print("{} bytes from {}: seq={} ttl={} time={:.3f} ms\n", reply.data.size() + 8,
                       reply.from.to_string(), reply.sequence, reply.ttl, times_.back());
        }
        std::fflush(stdout);
    }

    const PingOptions& o_;
    IpAddress to_;
    Runtime& runtime_;
    LostLinks lost_{runtime_, "tern ping", o_.json};
    std::vector<std::byte> data_;
    u16 identifier_;
    Instant sent_at_{};
    unsigned sent_ = 0, received_ = 0;
    std::vector<double> times_;
};

void Ping::summary() const {
    double least = 0, most = 0, sum = 0;
    if (!times_.empty()) {
        least = *std::ranges::min_element(times_);
        most = *std::ranges::max_element(times_);
        for (const double t : times_) sum += t;
    }
    const double mean = times_.empty() ? 0 : sum / static_cast<double>(times_.size());
    if (o_.json) {
        return print_json({{"sent", sent_},
                           {"received", received_},
                           {"min_ms", rounded(least, 3)},
                           {"avg_ms", rounded(mean, 3)},
                           {"max_ms", rounded(most, 3)}});
    }
    fmt::print("{} sent, {} received, {:.0f}% lost", sent_, received_,
               sent_ == 0 ? 0.0 : 100.0 * (sent_ - std::min(sent_, received_)) / sent_);
    if (!times_.empty()) fmt::print(", min/avg/max {:.3f}/{:.3f}/{:.3f} ms", least, mean, most);
    fmt::print("\n");
}

void ping(const PingOptions& o) {
    const auto to = IpAddress::parse(o.address);
    if (!to) {
        fmt::print(stderr,
                   "tern ping: \"{}\" is no IP address, and this version does not resolve "
                   "names yet: write the address, as in 10.0.0.1\n",
                   o.address);
        throw CLI::RuntimeError(k_usage);
    }
    Observation observation{o.net.observe, Observation::Side::Client};
    Runtime runtime{o.net.config(observation.observer())};
    observation.name_links(runtime);
    Ping pings{o, *to, runtime};
    std::string trouble;
    try {
        pings.run();
    } catch (const RuntimeError& e) {
        trouble = e.what();  // told behind what was done until then
    }
    pings.summary();
    if (!trouble.empty()) {
        fmt::print(stderr, "tern ping: {}\n", trouble);
    } else if (!pings.answered()) {
        fmt::print(stderr,
                   "tern ping: no answer from {}: is it up, in the network of --address, and is "
                   "--link the right one?\n",
                   to->to_string());
    }
    observation.tell(&runtime.stack(), o.json);
    if (!pings.answered() || !trouble.empty()) throw CLI::RuntimeError(k_cannot_connect);
}

}  // namespace

void add_ping(CLI::App& app) {
    auto o = std::make_shared<PingOptions>();
    CLI::App* c = app.add_subcommand("ping", "ICMP echo, on our own stack");
    c->add_option("address", o->address, "whom to ask")->required();
    c->add_option("-c,--count", o->count, "how many")
        ->capture_default_str()
        ->check(CLI::Range(1u, 65535u));
    c->add_option("-i,--interval", o->interval, "seconds between two")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 86400.0));
    c->add_option("-s,--size", o->size, "bytes of data")
        ->capture_default_str()
        ->check(CLI::Range(0u, 65000u));
    c->add_option("-W,--timeout", o->timeout, "seconds to wait for the last")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 86400.0));
    c->add_flag("--json", o->json, "one JSON object a line");
    c->add_flag("--quiet", o->quiet, "the summary alone");
    o->net.add_to(*c);
    c->footer(
        "Example:  tern ping 10.0.0.1 -c 3 --link tap:tern0\n"
        "Exit codes: 0 answered, 1 output could not be written, 2 wrong usage, 3 no answer, or "
        "the\n"
        "device was removed.");
    c->callback([o] { ping(*o); });
}

}  // namespace tern::tools
