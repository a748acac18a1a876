// A Scenario as TOML, for the smallest one that still fails.
#include <fmt/format.h>

#include "sim_scenario.hh"
#include "text.hh"

namespace tern::tools {

namespace {

// TOML's basic strings are JSON's.
std::string quoted(std::string_view text) { return json_string(text); }

std::string time(Duration d) {
    const i64 ns = d.count();
    if (ns % 1'000'000'000 == 0) return fmt::format("\"{}s\"", ns / 1'000'000'000);
    if (ns % 1'000'000 == 0) return fmt::format("\"{}ms\"", ns / 1'000'000);
    if (ns % 1'000 == 0) return fmt::format("\"{}us\"", ns / 1'000);
    return fmt::format("\"{}ns\"", ns);
}

std::string of(const SimWire& w) {
    std::string out = fmt::format("[[wire]]\nname = {}\nbetween = [{}, {}]\n", quoted(w.name),
                                  quoted(w.a), quoted(w.b));
    if (!w.there.empty()) out += fmt::format("impair = {}\n", quoted(w.there));
    if (w.back != w.there) out += fmt::format("back = {}\n", quoted(w.back));
    if (w.mtu != 1500) out += fmt::format("mtu = {}\n", w.mtu);
    return out;
}

std::string of(const SimFlow& f, const std::string& common) {
    using Kind = SimFlow::Kind;
    std::string out = common;
    if (f.kind == Kind::Bulk)
        return out + fmt::format("size = \"{}\"\n{}", f.size, f.retry ? "retry = true\n" : "");
    out += fmt::format("count = {}\n", f.count);
    if (f.interval > Duration{}) out += fmt::format("interval = {}\n", time(f.interval));
    if (f.kind == Kind::Requests)
        return out + fmt::format("request = \"{}\"\nresponse = \"{}\"\n", f.request, f.response);
    if (f.kind == Kind::Datagrams) return out + fmt::format("size = \"{}\"\n", f.size);
    out += fmt::format("sends = \"{}\"\ngets = \"{}\"\n", f.sends, f.gets);
    if (f.simultaneous) out += "simultaneous = true\n";
    if (f.abort_every != 0) out += fmt::format("abort-every = {}\n", f.abort_every);
    if (f.pause > Duration{}) out += fmt::format("pause = {}\n", time(f.pause));
    return out + (f.retry ? "retry = true\n" : "");
}

std::string of(const SimFlow& f) {
    constexpr const char* names[] = {"bulk", "requests", "exchange", "datagrams"};
    std::string out = fmt::format("[[{}]]\nname = {}\nfrom = {}\nto = {}\nport = {}\n",
                                  names[static_cast<u8>(f.kind)], quoted(f.name), quoted(f.from),
                                  quoted(f.to), f.port);
    if (f.start > Duration{}) out += fmt::format("start = {}\n", time(f.start));
    if (f.buffer != 0) out += fmt::format("buffer = \"{}\"\n", f.buffer);
    if (!f.congestion.empty()) out += fmt::format("congestion = {}\n", quoted(f.congestion));
    if (!f.ecn.empty() && f.ecn != "accept") out += fmt::format("ecn = {}\n", quoted(f.ecn));
    if (f.keep_alive > Duration{}) out += fmt::format("keep-alive = {}\n", time(f.keep_alive));
    return of(f, out);
}

std::string of(const SimFault& f) {
    using Kind = SimFault::Kind;
    constexpr const char* names[] = {"partition", "impair", "mtu", "restart", "clock-jump", "odd"};
    const bool on_wire = f.kind <= Kind::Mtu;
    std::string out =
        fmt::format("[[fault]]\nkind = \"{}\"\n{} = {}\nat = {}\n", names[static_cast<u8>(f.kind)],
                    on_wire ? "wire" : "host", quoted(f.target), time(f.at));
    if (f.kind == Kind::Mtu) out += fmt::format("mtu = {}\n", f.mtu);
    if (f.kind == Kind::Odd) out += fmt::format("how = \"{}\"\n", name_of(f.odd));
    if (on_wire && !(f.there && f.back))
        out += fmt::format("way = \"{}\"\n", f.there ? "there" : "back");
    if (f.kind == Kind::Impair) out += fmt::format("impair = {}\n", quoted(f.impair));
    return out + fmt::format("{} = {}\n", f.kind == Kind::ClockJump ? "by" : "for", time(f.length));
}

std::string of(const SimCheck& c) {
    std::string out = fmt::format("[[check]]\nflow = {}\n", quoted(c.flow));
    if (c.exact) out += "exact = true\n";
    if (c.goodput) out += fmt::format("goodput-at-least = \"{}bit\"\n", *c.goodput);
    if (c.finished_by) out += fmt::format("finished-by = {}\n", time(*c.finished_by));
    if (c.retransmissions) out += fmt::format("retransmissions-at-most = {}\n", *c.retransmissions);
    return out;
}

}  // namespace

std::string write_scenario(const Scenario& s, std::string_view remark) {
    std::string out;
    for (std::size_t at = 0; at < remark.size();) {
        const std::size_t end = std::min(remark.find('\n', at), remark.size());
        out += fmt::format("# {}\n", remark.substr(at, end - at));
        at = end + 1;
    }
    out += fmt::format("seed = {}\nduration = {}\n", s.seed, time(s.duration));
    if (s.memory != 0) out += fmt::format("memory = \"{}\"\n", s.memory);
    if (s.judged) out += "judged = true\n";
    if (s.faults_may_miss) out += "faults-may-miss = true\n";
    for (const SimHost& h : s.hosts) {
        out +=
            fmt::format("\n[[host]]\nname = {}\naddress = {}\n", quoted(h.name), quoted(h.address));
        if (h.memory != 0) out += fmt::format("memory = \"{}\"\n", h.memory);
    }
    for (const std::string& r : s.routers)
        out += fmt::format("\n[[router]]\nname = {}\n", quoted(r));
    for (const SimWire& w : s.wires) out += "\n" + of(w);
    for (const SimFlow& f : s.flows) out += "\n" + of(f);
    for (const SimFault& f : s.faults) out += "\n" + of(f);
    for (const SimCheck& c : s.checks) out += "\n" + of(c);
    return out;
}

}  // namespace tern::tools
