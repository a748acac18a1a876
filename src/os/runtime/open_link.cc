#include "os/runtime/open_link.hh"

#include <algorithm>

#include <unistd.h>

namespace tern {

namespace {

[[noreturn]] void fail(const std::string& message) {
    throw RuntimeError(Error::InvalidArgument, message);
}

// What `ip netns` and `ip link set netns` understand: a path, a name, the number of a process.
std::string namespace_path(const std::string& text) {
    if (text.contains('/')) return text;
    const std::string named = "/run/netns/" + text;
    const bool number = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (number && ::access(named.c_str(), F_OK) != 0) return "/proc/" + text + "/ns/net";
    return named;
}

}  // namespace

std::unique_ptr<Link> open_link(const std::string& text, TapOptions options) {
    const bool tap = text.starts_with("tap:");
    if (text == "wire") {
        fail(
            "link wire: it has two ends in one process, so nobody outside can reach it: try "
            "`tern demo wire`, or --link tap:tern0");
    }
    if (!tap && !text.starts_with("tun:")) {
        fail("link \"" + text + "\": write tap:NAME or tun:NAME, as in --link tap:tern0");
    }
    const std::size_t at = text.find('@');
    options.name = text.substr(4, at == text.npos ? at : at - 4);
    options.ethernet = tap;
    if (at != text.npos) {
        if (!options.network_namespace.empty()) {
            fail("link \"" + text + "\": name its namespace once, here or as --netns");
        }
        if (at + 1 == text.size()) {
            fail("link \"" + text + "\": write a namespace after @, as in " + text + "blue");
        }
        options.network_namespace = namespace_path(text.substr(at + 1));
    }
    // An interface that was there before is its owner's to configure.
    options.bring_up_new = true;
    auto link = open_tap(options);
    if (!link) throw RuntimeError(link.error().code, link.error().message);
    return std::move(*link);
}

std::unique_ptr<Link> open_device(const RuntimeConfig& config, bool multi_queue) {
    // Without offloads no header has anything to say.
    return open_link(config.link, {.multi_queue = multi_queue,
                                   .vnet_hdr = config.offloads,
                                   .offloads = config.offloads,
                                   .mtu = config.mtu,
                                   .vlan = config.vlan,
                                   .mac = config.mac,
                                   .network_namespace = config.network_namespace});
}

}  // namespace tern
