// tern serve DIR: an HTTP server on the stack.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include <fmt/core.h>
#include <unistd.h>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "commands.hh"
#include "exit_code.hh"
#include "http/server.hh"
#include "json.hh"
#include "lost_links.hh"
#include "net_options.hh"
#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;

namespace {

struct ServeOptions {
    std::string directory;
    u16 port = 80;
    bool one_request = false, reuse_address = false, progress = false, json = false, quiet = false;
    bool fast_open = false;
    u32 backlog = 1024;
    u32 sessions = ServerOptions{}.sessions;
    NetOptions net;
};

// RFC 3339, in UTC.
std::string utc_time(i64 nanoseconds) {
    const std::time_t seconds = nanoseconds / 1'000'000'000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       nanoseconds / 1'000'000 % 1000);
}

void print_record(const AccessRecord& r) {
    fmt::print("{} {} {} {} {} {} bytes {} {}{}\n", utc_time(r.time), r.peer.to_string(),
               printable(r.method), printable(r.target), r.status, r.bytes, human_time(r.took),
               human_rate(r.bytes, r.took), r.complete ? "" : " BROKEN: " + printable(r.why));
}

void print_record_json(const AccessRecord& r) {
    fmt::print(
        "{{\"event\":\"request\",\"time\":{},\"peer\":{},\"method\":{},\"target\":{},\"status\":{},"
        "\"bytes\":{},\"seconds\":{:.6f},\"complete\":{},\"why\":{}}}\n",
        json_string(utc_time(r.time)), json_string(r.peer.to_string()), json_string(r.method),
        json_string(r.target), r.status, r.bytes, seconds_of(r.took), r.complete,
        json_string(r.why));
}

// A line that is drawn over, a few times a second, while files are on their way.
class Live {
public:
    Live(net::io_context& io, const HttpServer& server) : timer_(io), server_(server) { tick(); }
    void stop() { timer_.cancel(); }
    void clear() {
        if (std::exchange(drawn_, false)) fmt::print(stderr, "\r\033[K");
    }

private:
    void tick() {
        static constexpr auto period = std::chrono::milliseconds(250);
        timer_.expires_after(period);
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            const ServerTotals& t = server_.totals();
            if (t.transfers > 0) {
                fmt::print(stderr, "\r{} transfers, {} connections, {} sent, {}\033[K", t.transfers,
                           t.open, human_bytes(t.bytes), human_rate(t.bytes - last_, period));
                drawn_ = true;
            } else {
                clear();
            }
            last_ = t.bytes;
            tick();
        });
    }
    net::steady_timer timer_;
    const HttpServer& server_;
    u64 last_ = 0;
    bool drawn_ = false;
};

// Where one link is served: at the first of its addresses.
std::string url_on(const HttpServer& server, const LinkOptions& link) {
    const LocalEndpoint local = server.local_endpoint();
    Endpoint at{local.address.or_unspecified(), local.port};
    if (const auto cidr = Cidr::parse(link.addresses.front()); cidr && local.address.is_every())
        at.address = cidr->address;
    return "http://" + (at.port == 80 ? at.address.to_string() : at.to_string()) + "/";
}

struct Served {
    std::string url;
    LinkFacts facts;
};

std::vector<Served> served_on(const ServeOptions& o, const HttpServer& server,
                              const Runtime& runtime) {
    std::vector<Served> all;
    for (const LinkOptions& link : o.net.links.links())
        all.push_back({url_on(server, link), runtime.link_facts(all.size())});
    return all;
}

Json ready_json(const ServeOptions& o, const std::vector<Served>& served, u64 heap) {
    Json links = Json::array();
    for (const Served& s : served)
        links.push_back({{"url", s.url}, {"link", s.facts.name}, {"details", s.facts.details}});
    return {{"event", "ready"},
            {"url", served.front().url},
            {"link", served.front().facts.name},
            {"details", served.front().facts.details},
            {"links", std::move(links)},
            {"directory", o.directory},
            {"sessions", o.sessions},
            {"heap", heap}};
}

// What a person at a terminal has to do next, if the first link is a cable to the kernel.
void print_hint(const LinkFacts& facts) {
    const std::size_t colon = facts.name.find(':');
    if (::isatty(STDOUT_FILENO) != 1 || colon == std::string::npos ||
        facts.name.starts_with("xdp:"))
        return;
    fmt::print(
        "the kernel's end needs an address in the same network, for example\n"
        "    ip addr add 10.0.0.1/24 dev {}\nCtrl-C ends.\n",
        facts.name.substr(colon + 1));
}

void announce(const ServeOptions& o, const std::vector<Served>& served, u64 heap) {
    if (o.json) return print_json(ready_json(o, served, heap));
    std::string where;
    for (const Served& s : served) {
        where += fmt::format("{}{} on {}{}", where.empty() ? "" : ", and at ", s.url, s.facts.name,
                             s.facts.details.empty() ? "" : ": " + s.facts.details);
    }
    fmt::print("serving {} at {}; at most {} sessions, which take up to {} beside --memory\n",
               o.directory, where, o.sessions, human_bytes(heap));
    print_hint(served.front().facts);
    std::fflush(stdout);
}

Json counters_json(const LinkCounters& c) {
    return {{"packets_in", c.received_packets}, {"packets_out", c.sent_packets},
            {"refused_in", c.receive_refused},  {"refused_out", c.send_refused},
            {"unread", c.device_unread},        {"too_long", c.too_long}};
}

// The figures of all links together, and then of each.
Json links_json(const Runtime& runtime) {
    Json sum = counters_json({}), links = Json::array();
    for (std::size_t i = 0; i < runtime.link_count(); ++i) {
        const Json counters = counters_json(runtime.link_counters(i));
        for (const auto& [name, value] : counters.items())
            sum[name] = sum[name].get<u64>() + value.get<u64>();
        Json link{{"link", runtime.link_facts(i).name}, {"lost", runtime.link_lost(i)}};
        link.update(counters);
        links.push_back(std::move(link));
    }
    sum["links"] = std::move(links);
    return sum;
}

void print_links(const Runtime& runtime) {
    for (std::size_t i = 0; i < runtime.link_count(); ++i) {
        const LinkCounters c = runtime.link_counters(i);
        fmt::print("{}: {} packets in, {} out{}\n", runtime.link_facts(i).name, c.received_packets,
                   c.sent_packets, runtime.link_lost(i) ? "; its device is gone" : "");
    }
}

void summary(const ServeOptions& o, const ServerTotals& t, const Runtime& runtime, u64 fast_opens) {
    if (o.json) {
        Json end{{"event", "end"},   {"connections", t.connections}, {"requests", t.requests},
                 {"bytes", t.bytes}, {"evicted", t.evicted},         {"fast_opens", fast_opens}};
        end.update(links_json(runtime));
        return print_json(end);
    }
    if (o.quiet) return;
    fmt::print("served {} requests on {} connections, {}{}\n", t.requests, t.connections,
               human_bytes(t.bytes),
               t.evicted == 0 ? ""
                              : fmt::format("; {} sessions had to make room for others "
                                            "(--sessions)",
                                            t.evicted));
    if (runtime.link_count() > 1) print_links(runtime);
    std::fflush(stdout);
}

void serve(const ServeOptions& o) {
    if (!std::filesystem::is_directory(o.directory)) {
        fmt::print(stderr,
                   "tern serve: {}: no such directory: name one that is there, as in "
                   "`tern serve .`\n",
                   o.directory);
        throw CLI::RuntimeError(k_usage);
    }
    Observation observation{o.net.observe, Observation::Side::Server};
    net::io_context io{1};
    asio::context context{io, o.net.config(observation.observer())};
    const Runtime& runtime = context.runtime();
    observation.name_links(runtime);
    std::unique_ptr<Live> live;
    ServerOptions options{.root = o.directory,
                          .listen = {.local = {.port = o.port},
                                     .backlog = o.backlog,
                                     .reuse_address = o.reuse_address,
                                     .fast_open = o.fast_open ? o.backlog : 0,
                                     .options = o.net.tcp()},
                          .one_request = o.one_request,
                          .sessions = o.sessions};
    const u64 heap = options.heap();
    HttpServer server{context, std::move(options), [&](const AccessRecord& record) {
                          if (live) live->clear();
                          if (o.quiet) return;
                          (o.json ? print_record_json : print_record)(record);
                          std::fflush(stdout);
                      }};
    if (o.progress) live = std::make_unique<Live>(io, server);
    net::signal_set signals{io, SIGINT, SIGTERM};
    const auto end = [&] {
        server.stop();
        if (live) live->stop();
        std::signal(SIGINT, SIG_DFL);  // a second Ctrl-C does not wait for connections to close
        signals.clear();
    };
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) end();
    });
    LostLinks lost{runtime, "tern serve", o.json};
    context.on_link_lost([&](std::size_t link) {
        lost.tell(link);
        if (!runtime.all_links_lost()) return;
        signals.cancel();
        end();
    });
    announce(o, served_on(o, server, runtime), heap);
    io.run();
    if (live) live->clear();
    summary(o, server.totals(), runtime, context.stack().counters().tcp_fast_opens);
    observation.tell(&context.stack(), o.json);
    if (const std::string why = lost.why_none_is_left(); !why.empty())
        throw RuntimeError(Error::NoSuchInterface, why);
}

}  // namespace

void add_serve(CLI::App& app) {
    auto o = std::make_shared<ServeOptions>();
    CLI::App* c = app.add_subcommand("serve", "serve a directory over HTTP, on our own stack");
    c->add_option("directory", o->directory, "what to serve")->required();
    c->add_option("--port", o->port, "TCP port")->capture_default_str();
    c->add_option("--backlog", o->backlog, "connections that may wait to be accepted")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1u << 20));
    c->add_option("--sessions", o->sessions,
                  "connections that may be open; another one takes the place of the one that has "
                  "been idle the longest, or moves the least. The server's own heap is at most "
                  "8 KiB times this, beside --memory")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1u << 20));
    c->add_flag("--one-request", o->one_request, "close the connection after each response");
    c->add_flag("--reuse-address", o->reuse_address,
                "take the port though old connections on it are in TIME-WAIT");
    c->add_flag(
        "--fast-open", o->fast_open,
        "TCP Fast Open (RFC 7413): take requests that come in SYN, with a cookie of ours; a "
        "request may come twice then");
    c->add_flag("--progress", o->progress, "a live line while files are on their way");
    c->add_flag("--json", o->json, "one JSON object a line");
    c->add_flag("--quiet", o->quiet, "no line per request");
    o->net.add_to(*c);
    c->footer(
        "Example, with the kernel as client, in a network namespace of its own:\n"
        "  unshare -rn sh -c 'tern serve . --link tap:tern0 & sleep 1;\n"
        "      ip addr add 10.0.0.1/24 dev tern0; curl http://10.0.0.2/'\n"
        "A line per request: when it had arrived (UTC), client, method, target, status, bytes of\n"
        "the body, how long the answer took, its rate, and BROKEN with the reason if it did not\n"
        "come to its end. A request has 30 s to arrive; a client that takes nothing of its answer\n"
        "for 60 s, or asks for nothing for 60 s, is given up.\n"
        "Several links, each with options of its own behind it:\n"
        "  tern serve . --link tap:a --address 10.0.0.2/24 --link tap:b --address 10.1.0.2/24\n"
        "Exit codes: 0 well, 2 wrong usage, 3 no link is there, or none any more.");
    c->callback([o] { serve(*o); });
}

}  // namespace tern::tools
