#include "os/runtime/open_link.hh"

#include <algorithm>
#include <charconv>

#include <unistd.h>

#include "os/link/tun_tap.hh"
#include "os/link/xdp.hh"

namespace tern {

namespace {

using Links = std::vector<std::unique_ptr<Link>>;

[[noreturn]] void fail(const std::string& message) {
    throw RuntimeError(Error::InvalidArgument, message);
}
[[noreturn]] void fail(const OpenError& error) { throw RuntimeError(error.code, error.message); }

// What `ip netns` and `ip link set netns` understand: a path, a name, the number of a process.
std::string namespace_path(const std::string& text) {
    if (text.contains('/')) return text;
    std::string named = "/run/netns/" + text;
    const bool number = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (number && ::access(named.c_str(), F_OK) != 0) return "/proc/" + text + "/ns/net";
    return named;
}

struct DeviceText {
    std::string kind, name, name_space;
};

DeviceText read(const std::string& text) {
    if (text == "wire") {
        fail(
            "link wire: it has two ends in one process, so nobody outside can reach it: try "
            "`tern demo wire`, or --link tap:tern0");
    }
    const std::string kind = text.substr(0, 4);
    if (kind != "tap:" && kind != "tun:" && kind != "xdp:") {
        fail("link \"" + text +
             "\": write tap:NAME or tun:NAME, as in --link tap:tern0, or xdp:NAME for a device "
             "that is there");
    }
    const std::size_t at = text.find('@');
    if (at + 1 == text.size())
        fail("link \"" + text + "\": write a namespace after @, as in " + text + "blue");
    return {.kind = kind,
            .name = text.substr(4, at == text.npos ? at : at - 4),
            .name_space = at == text.npos ? "" : namespace_path(text.substr(at + 1))};
}

// "eth0:3" is one queue of eth0: a colon is in no interface's name.
std::optional<u32> take_queue(std::string& name) {
    const std::size_t colon = name.find(':');
    if (colon == name.npos) return std::nullopt;
    const std::string digits = name.substr(colon + 1);
    name.resize(colon);
    u32 queue = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, queue);
    if (error != std::errc{} || stop != end) {
        fail("link \"xdp:" + name + ":" + digits +
             "\": write the number of a queue, as in xdp:" + name + ":0");
    }
    return queue;
}

Links open_xdp_queues(const DeviceText& device, const DeviceOptions& o, u32 links) {
    constexpr u64 share = 16;
    XdpOptions options{.name = device.name,
                       .links = links,
                       .mtu = o.mtu,
                       .vlan = o.vlan,
                       .mac = o.mac,
                       .memory = o.memory / share,
                       .network_namespace = o.network_namespace};
    options.queue = take_queue(options.name);
    auto opened = open_xdp(options);
    if (!opened) fail(opened.error());
    return std::move(*opened);
}

std::unique_ptr<Link> open_tun_tap(const DeviceText& device, const DeviceOptions& o,
                                   bool multi_queue) {
    // Without offloads no header has anything to say. An interface that was there before is its
    // owner's to configure.
    auto link = open_tap({.name = device.name,
                          .medium = device.kind == "tap:" ? Medium::Ethernet : Medium::Ip,
                          .multi_queue = multi_queue,
                          .vnet_hdr = o.offloads,
                          .offloads = o.offloads,
                          .mtu = o.mtu,
                          .vlan = o.vlan,
                          .mac = o.mac,
                          .network_namespace = o.network_namespace,
                          .bring_up_new = true});
    if (!link) fail(link.error());
    return std::move(*link);
}

Links open_links(const std::string& text, DeviceOptions options, u32 count) {
    const DeviceText device = read(text);
    if (!device.name_space.empty()) {
        if (!options.network_namespace.empty())
            fail("link \"" + text + "\": name its namespace once, here or as --netns");
        options.network_namespace = device.name_space;
    }
    if (device.kind == "xdp:") return open_xdp_queues(device, options, count);
    Links links;
    for (u32 i = 0; i < count; ++i) links.push_back(open_tun_tap(device, options, count > 1));
    return links;
}

}  // namespace

std::string device_gone(const std::string& link_name) {
    return link_name + ": the device is gone: was it removed, or its network namespace?";
}

std::unique_ptr<Link> open_link(const std::string& text, const DeviceOptions& options) {
    return std::move(open_links(text, options, 1).front());
}

std::vector<std::unique_ptr<Link>> open_queues(const LinkConfig& config, u64 memory, u32 shards) {
    return open_links(config.link,
                      {.offloads = config.offloads,
                       .mtu = config.mtu,
                       .vlan = config.vlan,
                       .mac = config.mac,
                       .network_namespace = config.network_namespace,
                       .memory = memory},
                      shards);
}

}  // namespace tern
