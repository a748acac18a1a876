#include "net_options.hh"

#include "commands.hh"
#include "text.hh"

namespace tern::tools {

namespace {

// "200MB" as a number of bytes.
CLI::AsSizeValue bytes() { return CLI::AsSizeValue(false); }

std::optional<Impairment> impairment(const std::string& option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto parsed = Impairment::parse(text);
    if (!parsed) throw RuntimeError(Error::InvalidArgument, option + " " + parsed.error());
    return *parsed;
}

}  // namespace

void NetOptions::add_to(CLI::App& app) {
    const std::string group = "Network";
    app.add_option(
           "--link", link,
           "tap:NAME or tun:NAME, made if it is not there; or xdp:NAME, a device that is there "
           "(AF_XDP), xdp:NAME:QUEUE one queue of it; @NETNS may follow")
        ->capture_default_str()
        ->group(group);
    app.add_option("--address", addresses, "our address with its prefix; may come several times")
        ->allow_extra_args(false)
        ->capture_default_str()
        ->group(group);
    app.add_option("--any", prefixes,
                   "a network all of whose addresses are ours too, as in 10.9.0.0/16; may come "
                   "several times")
        ->allow_extra_args(false)
        ->group(group);
    app.add_option("--gateway", gateway, "next hop of the default route")->group(group);
    app.add_option("--route", routes, "as in \"10.1.0.0/16 via 10.0.0.9\"")
        ->allow_extra_args(false)
        ->group(group);
    app.add_option("--mtu", mtu, "largest IP packet")
        ->capture_default_str()
        ->check(CLI::Range(68, 65535))
        ->group(group);
    app.add_option("--vlan", vlan, "802.1Q tag")->check(CLI::Range(1, 4094))->group(group);
    app.add_option("--netns", name_space, "network namespace of the device: /run/netns/NAME")
        ->group(group);
    app.add_option("--wait", wait, "sleep, spin (one core, lowest latency) or adaptive")
        ->capture_default_str()
        ->check(CLI::IsMember({"sleep", "spin", "adaptive"}))
        ->group(group);
    app.add_option("--buffer", buffer,
                   "bytes a connection may have under way each way; without it buffers find their "
                   "size")
        ->transform(bytes())
        ->check(CLI::Range(u64{4096}, u64{1} << 30))
        ->group(group);
    app.add_option("--memory", memory, "most that the stack takes")
        ->capture_default_str()
        ->transform(bytes())
        ->check(CLI::Range(u64{4} << 20, u64{1} << 40))
        ->group(group);
    app.add_flag("--no-offloads", no_offloads, "real segments and checksums on the link")
        ->group(group);
    app.add_option("--congestion", congestion, "congestion control: cubic, reno, bbr or dctcp")
        ->check(CLI::IsMember({"cubic", "reno", "bbr", "dctcp"}))
        ->group(group);
    app.add_option("--ecn", ecn, "off, accept, classic (RFC 3168) or accurate (RFC 9768)")
        ->capture_default_str()
        ->check(CLI::IsMember({"off", "accept", "classic", "accurate"}))
        ->group(group);
    app.add_flag("--no-sack", no_sack, "do not offer this TCP option")->group(group);
    app.add_flag("--no-timestamps", no_timestamps, "do not offer this TCP option")->group(group);
    app.add_flag("--no-window-scale", no_window_scale, "do not offer this TCP option")
        ->group(group);
    app.add_option("--impair", impair_out,
                   "a bad network for what we send: loss=1% or ge:1%:30%,delay=20ms,jitter=2ms,"
                   "rate=100mbit,bucket=10mbit:64KB,queue=64KB,codel,ecn,mark=20,reorder=1%,"
                   "duplicate=1%,corrupt=1%,drop=3+7")
        ->group(group);
    app.add_option("--impair-in", impair_in, "the same for what we receive")->group(group);
    app.add_option("--seed", seed, "repeats all chance of the stack; never outside of tests")
        ->check(whole_number())
        ->group(group);
    observe.add_to(app);
}

RuntimeConfig NetOptions::config(Observer* observer) const {
    RuntimeConfig c;
    c.link = link;
    c.addresses = addresses;
    c.prefixes = prefixes;
    c.gateway = gateway;
    c.routes = routes;
    c.mtu = mtu;
    c.vlan = vlan;
    c.offloads = !no_offloads;
    c.network_namespace = name_space;
    c.wait = wait == "spin" ? Wait::Spin : wait == "adaptive" ? Wait::Adaptive : Wait::Sleep;
    c.seed = seed;
    c.memory_limit = memory;
    c.observer = observer;
    c.outbound = impairment("--impair", impair_out);
    c.inbound = impairment("--impair-in", impair_in);
    if (seed != 0) c.impair_seed = seed;
    return c;
}

TcpOptions NetOptions::tcp() const {
    TcpOptions o;
    o.send_buffer = buffer;
    o.receive_buffer = buffer;
    o.sack = !no_sack;
    o.timestamps = !no_timestamps;
    o.window_scale = !no_window_scale;
    o.congestion = congestion;
    o.ecn = ecn_of(ecn);
    // Whole responses are written at once, so Nagle would only hold back their last segment.
    o.no_delay = true;
    return o;
}

}  // namespace tern::tools
