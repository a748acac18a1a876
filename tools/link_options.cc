#include "link_options.hh"

#include <algorithm>
#include <utility>

namespace tern::tools {

namespace {

constexpr const char* k_group = "Link";
constexpr const char* k_default_address = "10.0.0.2/24";

std::optional<Impairment> impairment(const std::string& option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto parsed = Impairment::parse(text);
    if (!parsed) throw RuntimeError(Error::InvalidArgument, option + " " + parsed.error());
    return *parsed;
}

LinkConfig config_of(const LinkOptions& o) {
    LinkConfig c;
    c.link = o.link;
    c.addresses = o.addresses;
    c.prefixes = o.prefixes;
    c.gateway = o.gateway;
    c.routes = o.routes;
    c.mtu = o.mtu;
    c.vlan = o.vlan;
    c.offloads = !o.no_offloads;
    c.network_namespace = o.name_space;
    c.outbound = impairment("--impair", o.impair_out);
    c.inbound = impairment("--impair-in", o.impair_in);
    return c;
}

}  // namespace

bool LinkOptions::has(const IpAddress& address) const {
    const auto is_it = [&](const std::string& text) {
        const auto own = Cidr::parse(text);
        return own && own->address == address;
    };
    const auto holds_it = [&](const std::string& text) {
        const auto prefix = Cidr::parse(text);
        return prefix && prefix->contains(address);
    };
    return std::ranges::any_of(addresses, is_it) || std::ranges::any_of(prefixes, holds_it);
}

void LinkList::begin_link(const std::string& text) {
    if (!named_) {
        named_ = true;
        links_.back().link = text;
        return;
    }
    if (!early_.empty()) {
        throw CLI::ValidationError(
            "--link", "there are several, and " + early_ +
                          " stands in front of the first: write it behind the --link that it "
                          "belongs to");
    }
    given_.clear();
    links_.emplace_back().link = text;
}

LinkOptions& LinkList::current(const std::string& option, bool may_repeat) {
    if (!named_ && early_.empty()) early_ = option;
    if (!may_repeat && !given_.insert(option).second) {
        throw CLI::ValidationError(option, "given twice for the link " + links_.back().link +
                                               ": write it once behind each --link");
    }
    return links_.back();
}

// The function is called as soon as the option is read, so that it knows which link is the last.
template <class T, class Set>
CLI::Option* LinkList::add(CLI::App& app, const std::string& name, Set set, const std::string& help,
                           bool may_repeat) {
    return app
        .add_option_function<T>(
            name,
            [this, name, set, may_repeat](const T& value) {
                set(current(name, may_repeat), value);
            },
            help)
        ->trigger_on_parse()
        ->group(k_group);
}

void LinkList::add_to(CLI::App& app) {
    using Text = std::string;
    app.add_option_function<Text>(
           "--link", [this](const Text& text) { begin_link(text); },
           "tap:NAME or tun:NAME, made if it is not there; or xdp:NAME, a device that is there "
           "(AF_XDP), xdp:NAME:QUEUE one queue of it; @NETNS may follow. May come several times: "
           "each option of this group then belongs to the --link in front of it")
        ->trigger_on_parse()
        ->default_str(LinkOptions{}.link)
        ->group(k_group);
    add<Text>(
        app, "--address", [](LinkOptions& o, const Text& v) { o.addresses.push_back(v); },
        "our address with its prefix; may come several times", true)
        ->default_str(k_default_address);
    add<Text>(
        app, "--any", [](LinkOptions& o, const Text& v) { o.prefixes.push_back(v); },
        "a network all of whose addresses are ours too, as in 10.9.0.0/16; may come several times",
        true);
    add<Text>(
        app, "--gateway", [](LinkOptions& o, const Text& v) { o.gateway = v; },
        "next hop of the default route; of several links' the first leads, but what answers "
        "leaves by the link that it came in by");
    add<Text>(
        app, "--route", [](LinkOptions& o, const Text& v) { o.routes.push_back(v); },
        "as in \"10.1.0.0/16 via 10.0.0.9\"", true);
    add<u32>(
        app, "--mtu", [](LinkOptions& o, u32 v) { o.mtu = v; }, "largest IP packet")
        ->default_str(std::to_string(LinkOptions{}.mtu))
        ->check(CLI::Range(68, 65535));
    add<u16>(
        app, "--vlan", [](LinkOptions& o, u16 v) { o.vlan = v; }, "802.1Q tag")
        ->check(CLI::Range(1, 4094));
    add<Text>(
        app, "--netns", [](LinkOptions& o, const Text& v) { o.name_space = v; },
        "network namespace of the device: /run/netns/NAME");
    app.add_flag_callback(
           "--no-offloads", [this] { current("--no-offloads", true).no_offloads = true; },
           "real segments and checksums on the link")
        ->trigger_on_parse()
        ->group(k_group);
    add<Text>(
        app, "--impair", [](LinkOptions& o, const Text& v) { o.impair_out = v; },
        "a bad network for what we send: loss=1% or ge:1%:30%,delay=20ms,jitter=2ms,"
        "rate=100mbit,bucket=10mbit:64KB,queue=64KB,codel,ecn,mark=20,reorder=1%,"
        "duplicate=1%,corrupt=1%,drop=3+7");
    add<Text>(
        app, "--impair-in", [](LinkOptions& o, const Text& v) { o.impair_in = v; },
        "the same for what we receive");
}

std::vector<LinkOptions> LinkList::links() const {
    std::vector<LinkOptions> all = links_;
    for (LinkOptions& o : all) {
        if (!o.addresses.empty()) continue;
        if (all.size() > 1) {
            throw RuntimeError(Error::InvalidArgument,
                               "--link " + o.link +
                                   " has no address: of several links each needs its own, as in "
                                   "--link " +
                                   o.link + " --address 10.1.0.2/24");
        }
        o.addresses.emplace_back(k_default_address);
    }
    return all;
}

std::vector<LinkConfig> LinkList::configs(u64 seed) const {
    std::vector<LinkConfig> all;
    for (const LinkOptions& o : links()) {
        all.push_back(config_of(o));
        if (seed != 0) all.back().impair_seed = seed + all.size() - 1;
    }
    return all;
}

}  // namespace tern::tools
