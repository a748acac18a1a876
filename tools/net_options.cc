#include "net_options.hh"

#include "commands.hh"
#include "text.hh"

namespace tern::tools {

namespace {

// "200MB" as a number of bytes.
CLI::AsSizeValue bytes() { return CLI::AsSizeValue(false); }

}  // namespace

void NetOptions::add_to(CLI::App& app) {
    const std::string group = "Network";
    links.add_to(app);
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
    app.add_option("--seed", seed, "repeats all chance of the stack; never outside of tests")
        ->check(whole_number())
        ->group(group);
    observe.add_to(app);
}

RuntimeConfig NetOptions::config(Observer* observer) const {
    RuntimeConfig c;
    c.links = links.configs(seed);
    c.wait = wait == "spin" ? Wait::Spin : wait == "adaptive" ? Wait::Adaptive : Wait::Sleep;
    c.seed = seed;
    c.memory_limit = memory;
    c.observer = observer;
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
