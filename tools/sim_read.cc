// TOML to a Scenario. Every complaint has file, line and column, and says what was expected.
#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "sim_scenario.hh"
#include "text.hh"

namespace tern::tools {

namespace {

// One table of the file. Every key that may stand in it is asked for, and done() complains about
// the others.
class Table {
public:
    Table(const std::string& file, const toml::table& table, std::string what)
        : file_(file), table_(table), what_(std::move(what)) {}

    [[noreturn]] void fail(const toml::source_region& where, const std::string& message) const {
        throw ScenarioError(
            fmt::format("{}:{}:{}: {}", file_, where.begin.line, where.begin.column, message));
    }
    [[noreturn]] void fail(const char* key, const std::string& message) const {
        const toml::node* node = table_.get(key);
        fail(node != nullptr ? node->source() : table_.source(), message);
    }

    bool has(const char* key) const { return table_.contains(key); }

    std::string text(const char* key, std::optional<std::string> otherwise = {}) {
        return read<std::string>(key, std::move(otherwise), "a string",
                                 [](const toml::node& n) { return n.value_exact<std::string>(); });
    }
    u64 number(const char* key, u64 least, u64 most, std::optional<u64> otherwise = {}) {
        const std::string what = fmt::format("a whole number from {} to {}", least, most);
        return read<u64>(key, otherwise, what, [&](const toml::node& n) -> std::optional<u64> {
            const auto value = n.value_exact<i64>();
            if (!value || *value < 0) return {};
            const auto v = static_cast<u64>(*value);
            return v < least || v > most ? std::nullopt : std::optional{v};
        });
    }
    bool flag(const char* key, bool otherwise) {
        return read<bool>(key, otherwise, "true or false",
                          [](const toml::node& n) { return n.value_exact<bool>(); });
    }
    Duration time(const char* key, std::optional<Duration> otherwise = {}) {
        return parsed<Duration>(key, otherwise, "a time as in \"20ms\" or \"1.5s\"", parse_time);
    }
    u64 size(const char* key, std::optional<u64> otherwise = {}) {
        return parsed<u64>(key, otherwise, "a size as in \"200MB\" or \"64KiB\"", parse_size);
    }
    u64 rate(const char* key) {
        return parsed<u64>(key, {}, "a rate as in \"100mbit\"", parse_rate);
    }
    std::string impairment(const char* key, std::optional<std::string> otherwise = {}) {
        std::string value = text(key, std::move(otherwise));
        if (const auto parsed = Impairment::parse(value); !parsed) fail(key, parsed.error());
        return value;
    }
    std::string one_of(const char* key, const std::vector<std::string>& names, const char* kind,
                       std::optional<std::string> otherwise = {}) {
        std::string value = text(key, std::move(otherwise));
        if (std::ranges::find(names, value) == names.end())
            fail(key, fmt::format("\"{}\" is no {}: expected {}", value, kind,
                                  names.empty() ? "one that the file defines"
                                                : fmt::format("{}", fmt::join(names, ", "))));
        return value;
    }
    std::pair<std::string, std::string> pair(const char* key) {
        const char* wanted = "two names as in [\"a\", \"b\"]";
        const toml::node& node = need(key, wanted);
        const toml::array* array = node.as_array();
        if (array == nullptr || array->size() != 2 || !array->is_homogeneous<std::string>())
            fail(key, fmt::format("{}: expected {}", key, wanted));
        return {*array->get(0)->value<std::string>(), *array->get(1)->value<std::string>()};
    }
    // The tables of [[key]].
    std::vector<Table> tables(const char* key) {
        know(key);
        std::vector<Table> found;
        const toml::node* node = table_.get(key);
        if (node == nullptr) return found;
        if (!node->is_array() || !node->as_array()->is_homogeneous<toml::table>())
            fail(key, fmt::format("{}: expected tables, each headed [[{}]]", key, key));
        for (const toml::node& each : *node->as_array())
            found.emplace_back(file_, *each.as_table(), fmt::format("[[{}]]", key));
        return found;
    }
    // Keys that are asked for only when they are there.
    void knows(std::initializer_list<const char*> keys) {
        known_.insert(known_.end(), keys.begin(), keys.end());
    }
    void done() const {
        for (const auto& [key, value] : table_) {
            if (std::ranges::find(known_, key.str()) != known_.end()) continue;
            fail(key.source(), fmt::format("\"{}\" is no key of {}: expected {}", key.str(), what_,
                                           fmt::join(known_, ", ")));
        }
    }

private:
    void know(const char* key) {
        if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
    }
    const toml::node& need(const char* key, std::string_view wanted) {
        know(key);
        const toml::node* node = table_.get(key);
        if (node == nullptr)
            fail(table_.source(), fmt::format("{} needs {}: expected {}", what_, key, wanted));
        return *node;
    }
    template <class T, class From>
    T read(const char* key, std::optional<T> otherwise, std::string_view wanted, From from) {
        if (otherwise && !has(key)) {
            know(key);
            return *std::move(otherwise);
        }
        if (auto value = from(need(key, wanted))) return *std::move(value);
        fail(key, fmt::format("{}: expected {}", key, wanted));
    }
    template <class T, class Parse>
    T parsed(const char* key, std::optional<T> otherwise, std::string_view wanted, Parse parse) {
        return read<T>(key, otherwise, wanted, [&](const toml::node& n) -> std::optional<T> {
            const auto value = n.value_exact<std::string>();
            return value ? parse(*value) : std::nullopt;
        });
    }

    const std::string& file_;
    const toml::table& table_;
    std::string what_;
    std::vector<std::string> known_;
};

class Reader {
public:
    Reader(const std::string& file, const toml::table& table) : top_(file, table, "a scenario") {}

    Scenario read() {
        out_.seed = top_.number("seed", 0, ~u64{0} >> 1, 1);
        out_.duration = top_.time("duration");
        if (out_.duration <= Duration{}) top_.fail("duration", "duration: expected more than 0");
        out_.memory = top_.size("memory", 0);
        out_.judged = top_.flag("judged", false);
        out_.faults_may_miss = top_.flag("faults-may-miss", false);
        for (Table& t : top_.tables("host")) host(t);
        for (Table& t : top_.tables("router")) router(t);
        for (Table& t : top_.tables("wire")) wire(t);
        for (const auto& [name, table] : unwired_)
            table.fail("name", fmt::format("{} has no wire: expected a [[wire]] to it", name));
        for (Table& t : top_.tables("bulk")) flow(t, SimFlow::Kind::Bulk);
        for (Table& t : top_.tables("requests")) flow(t, SimFlow::Kind::Requests);
        for (Table& t : top_.tables("exchange")) flow(t, SimFlow::Kind::Exchange);
        for (Table& t : top_.tables("datagrams")) flow(t, SimFlow::Kind::Datagrams);
        for (Table& t : top_.tables("fault")) fault(t);
        for (Table& t : top_.tables("check")) check(t);
        top_.done();
        return std::move(out_);
    }

private:
    // A name for one thing of its kind.
    static void add_name(Table& t, std::vector<std::string>& names, const std::string& name) {
        if (name.empty()) t.fail("name", "name: expected at least one letter");
        if (std::ranges::find(names, name) != names.end())
            t.fail("name", fmt::format("\"{}\" is taken: expected another name", name));
        names.push_back(name);
    }

    void host(Table& t) {
        const SimHost host{t.text("name"), t.text("address"), t.size("memory", 0)};
        const auto cidr = Cidr::parse(host.address);
        if (!cidr || !cidr->address.is_v4() || !host.address.contains('/'))
            t.fail("address", fmt::format("address: \"{}\": expected an IPv4 address with its "
                                          "prefix, as in \"10.0.0.1/24\"",
                                          host.address));
        const Ipv4Address ip = cidr->address.v4();
        if (!ip.is_valid_source() || (cidr->prefix_length < 31 && ip == cidr->v4_broadcast()))
            t.fail("address", fmt::format("address: \"{}\" is for no single host: expected one "
                                          "that is, as in \"10.0.0.1/24\"",
                                          host.address));
        if (!addresses_.insert(ip).second)
            t.fail("address",
                   fmt::format("address: {} is taken: expected another one", ip.to_string()));
        add_name(t, nodes_, host.name);
        hosts_.push_back(host.name);
        unwired_.emplace(host.name, t);
        out_.hosts.push_back(host);
        t.done();
    }

    void router(Table& t) {
        const std::string name = t.text("name");
        add_name(t, nodes_, name);
        out_.routers.push_back(name);
        t.done();
    }

    void wire(Table& t) {
        SimWire wire;
        std::tie(wire.a, wire.b) = t.pair("between");
        for (const std::string& end : {wire.a, wire.b})
            if (std::ranges::find(nodes_, end) == nodes_.end())
                t.fail("between", fmt::format("\"{}\" is no host or router: expected {}", end,
                                              fmt::join(nodes_, ", ")));
        if (wire.a == wire.b) t.fail("between", "between: expected two different nodes");
        for (const std::string& end : {wire.a, wire.b}) {
            const bool host = std::ranges::find(hosts_, end) != hosts_.end();
            if (host && unwired_.erase(end) == 0)
                t.fail("between", fmt::format("{} has its wire already: expected a router between "
                                              "several hosts",
                                              end));
        }
        wire.name = t.text("name", wire.a + "-" + wire.b);
        wire.there = t.impairment("impair", "");
        wire.back = t.impairment("back", wire.there);
        wire.mtu = static_cast<u32>(t.number("mtu", 68, 65535, 1500));
        add_name(t, wires_, wire.name);
        out_.wires.push_back(wire);
        t.done();
    }

    void flow(Table& t, SimFlow::Kind kind) {
        SimFlow f;
        f.kind = kind;
        f.name = t.text("name");
        f.from = t.one_of("from", hosts_, "host");
        f.to = t.one_of("to", hosts_, "host");
        if (f.to == f.from) t.fail("to", "to: expected another host than from");
        f.port = static_cast<u16>(t.number("port", 1, 65535));
        f.start = t.time("start", Duration{});
        switch (kind) {
            case SimFlow::Kind::Bulk:
                f.size = t.size("size");
                f.retry = t.flag("retry", false);
                break;
            case SimFlow::Kind::Requests:
                f.count = t.number("count", 1, 1'000'000'000);
                f.request = message_size(t, "request");
                f.response = message_size(t, "response");
                f.interval = t.time("interval", Duration{});
                break;
            case SimFlow::Kind::Exchange: exchange(t, f); break;
            case SimFlow::Kind::Datagrams:
                f.count = t.number("count", 1, 1'000'000'000);
                f.size = t.size("size");
                if (f.size < 8 || f.size > 65'000)
                    t.fail("size", "size: expected 8 to 65000 bytes");
                f.interval = t.time("interval", std::chrono::milliseconds(10));
                break;
        }
        if (kind != SimFlow::Kind::Datagrams) {
            f.buffer = static_cast<u32>(std::min<u64>(t.size("buffer", 0), u64{1} << 30));
            f.keep_alive = t.time("keep-alive", Duration{});
            f.congestion = t.one_of("congestion", {"cubic", "reno", "bbr", "dctcp"},
                                    "congestion control", "cubic");
            f.ecn = t.one_of("ecn", {"off", "accept", "classic", "accurate"}, "ECN", "accept");
        }
        for (const SimFlow& other : out_.flows)
            if (other.to == f.to && other.port == f.port)
                t.fail("port", fmt::format("{} listens at {} for {} already: expected another port",
                                           f.to, f.port, other.name));
        add_name(t, flows_, f.name);
        out_.flows.push_back(f);
        t.done();
    }

    static void exchange(Table& t, SimFlow& f) {
        f.count = t.number("count", 1, 1'000'000, 1);
        f.sends = t.size("sends");
        f.gets = t.size("gets");
        f.interval = t.time("interval", Duration{});
        f.simultaneous = t.flag("simultaneous", false);
        f.abort_every = static_cast<u32>(t.number("abort-every", 0, 1'000'000, 0));
        f.pause = t.time("pause", Duration{});
        f.retry = t.flag("retry", false);
        if (f.simultaneous && (f.count != 1 || f.retry))
            t.fail("simultaneous", "simultaneous: expected one connection without retry");
    }

    static u32 message_size(Table& t, const char* key) {
        const u64 bytes = t.size(key);
        if (bytes < 1 || bytes > 1 << 30)
            t.fail(key, fmt::format("{}: expected from 1 byte to 1 GiB", key));
        return static_cast<u32>(bytes);
    }

    void fault(Table& t) {
        using Kind = SimFault::Kind;
        const std::vector<std::string> kinds = {"partition", "impair",     "mtu",
                                                "restart",   "clock-jump", "odd"};
        SimFault f;
        const std::string kind = t.one_of("kind", kinds, "kind of fault");
        f.kind = static_cast<Kind>(std::ranges::find(kinds, kind) - kinds.begin());
        f.at = t.time("at");
        if (f.kind == Kind::Mtu) {
            f.target = t.one_of("wire", wires_, "wire");
            f.mtu = static_cast<u32>(t.number("mtu", 68, 65535));
            f.length = t.time("for");
        } else if (f.kind == Kind::Odd) {
            f.target = t.one_of("host", hosts_, "host");
            const auto& odd = oddities();
            const std::string how = t.one_of("how", odd, "oddity");
            f.odd = static_cast<sim::Oddity>(std::ranges::find(odd, how) - odd.begin());
            f.length = t.time("for");
        } else if (f.kind == Kind::Partition || f.kind == Kind::Impair) {
            f.target = t.one_of("wire", wires_, "wire");
            const std::string way = t.one_of("way", {"there", "back", "both"}, "way", "both");
            f.there = way != "back";
            f.back = way != "there";
            f.length = t.time("for");
            if (f.kind == Kind::Impair) f.impair = t.impairment("impair");
        } else {
            f.target = t.one_of("host", hosts_, "host");
            f.length = f.kind == Kind::Restart ? t.time("for", Duration{}) : t.time("by");
            if (f.kind == Kind::ClockJump && f.length <= Duration{})
                t.fail("by", "by: expected more than 0, for clocks never run back");
        }
        out_.faults.push_back(f);
        t.done();
    }

    static const std::vector<std::string>& oddities() {
        static const std::vector<std::string> all = [] {
            std::vector<std::string> names;
            for (const sim::Oddity o : sim::k_oddities) names.emplace_back(name_of(o));
            return names;
        }();
        return all;
    }

    void check(Table& t) {
        SimCheck c;
        c.flow = t.one_of("flow", flows_, "flow");
        t.knows({"exact", "goodput-at-least", "finished-by", "retransmissions-at-most"});
        const bool asks = t.has("exact") || t.has("goodput-at-least") || t.has("finished-by") ||
                          t.has("retransmissions-at-most");
        if (!asks)
            t.fail("flow",
                   "a check of nothing: expected exact, goodput-at-least, finished-by or "
                   "retransmissions-at-most");
        if (t.flag("exact", false)) c.exact = true;
        if (t.has("goodput-at-least")) c.goodput = t.rate("goodput-at-least");
        if (t.has("finished-by")) c.finished_by = t.time("finished-by");
        if (t.has("retransmissions-at-most"))
            c.retransmissions = t.number("retransmissions-at-most", 0, 1'000'000'000);
        out_.checks.push_back(c);
        t.done();
    }

    Table top_;
    Scenario out_;
    std::vector<std::string> nodes_, hosts_, wires_, flows_;
    std::set<Ipv4Address> addresses_;
    std::map<std::string, Table> unwired_;  // hosts, with where they stand in the file
};

}  // namespace

Scenario read_scenario(std::string_view text, const std::string& file) {
    try {
        const toml::table table = toml::parse(text, file);
        return Reader(file, table).read();
    } catch (const toml::parse_error& e) {
        throw ScenarioError(fmt::format("{}:{}:{}: {}", file, e.source().begin.line,
                                        e.source().begin.column, e.description()));
    }
}

}  // namespace tern::tools
