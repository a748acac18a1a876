#include "os/runtime/links.hh"

#include <utility>

namespace tern {

namespace {

// The first field of a single link that is not as it was; "": none.
std::string_view described_beside(const RuntimeConfig& c) {
    const LinkConfig plain;
    if (c.link != plain.link) return "link";
    if (c.device) return "device";
    if (!c.addresses.empty()) return "addresses";
    if (!c.prefixes.empty()) return "prefixes";
    if (!c.gateway.empty()) return "gateway";
    if (!c.routes.empty()) return "routes";
    if (c.mtu != plain.mtu) return "mtu";
    if (c.vlan != plain.vlan) return "vlan";
    if (c.mac != plain.mac) return "mac";
    if (c.offloads != plain.offloads) return "offloads";
    if (!c.network_namespace.empty()) return "network_namespace";
    if (c.probe != plain.probe) return "probe";
    if (c.outbound) return "outbound";
    if (c.inbound) return "inbound";
    if (c.impair_seed != plain.impair_seed) return "impair_seed";
    return "";
}

// What is taken is left as it was before anybody set it.
LinkConfig take_only_link(RuntimeConfig& c) {
    LinkConfig plain;
    return {.link = std::exchange(c.link, plain.link),
            .device = std::exchange(c.device, {}),
            .addresses = std::exchange(c.addresses, {}),
            .prefixes = std::exchange(c.prefixes, {}),
            .gateway = std::exchange(c.gateway, {}),
            .routes = std::exchange(c.routes, {}),
            .mtu = std::exchange(c.mtu, plain.mtu),
            .vlan = std::exchange(c.vlan, plain.vlan),
            .mac = std::exchange(c.mac, plain.mac),
            .offloads = std::exchange(c.offloads, plain.offloads),
            .network_namespace = std::exchange(c.network_namespace, {}),
            .probe = std::exchange(c.probe, plain.probe),
            .outbound = std::exchange(c.outbound, {}),
            .inbound = std::exchange(c.inbound, {}),
            .impair_seed = std::exchange(c.impair_seed, plain.impair_seed)};
}

// Several shards would open a TAP that is named twice as two of its queues, and each of two links
// would get some of the frames.
void refuse_twins(const std::vector<LinkConfig>& links) {
    for (std::size_t i = 0; i < links.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            const LinkConfig &a = links[k], &b = links[i];
            const bool same = !a.device && !b.device && a.link == b.link &&
                              a.network_namespace == b.network_namespace;
            if (!same) continue;
            throw RuntimeError(Error::InvalidArgument,
                               "link " + b.link +
                                   " is named twice: a device is one link; it may have several "
                                   "addresses");
        }
    }
}

}  // namespace

std::vector<LinkConfig> take_links(RuntimeConfig& config) {
    if (config.links.empty()) config.links.push_back(take_only_link(config));
    if (const std::string_view field = described_beside(config); !field.empty()) {
        throw RuntimeError(Error::InvalidArgument,
                           "the configuration has `links` and, beside it, `" + std::string{field} +
                               "`: write that into the LinkConfig of the link that it is for");
    }
    refuse_twins(config.links);
    return std::exchange(config.links, {});
}

}  // namespace tern
