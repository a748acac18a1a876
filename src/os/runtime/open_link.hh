// A device by its text: "tap:tern0", "tun:tern0", "xdp:eth0", "tap:eth0@blue" in the namespace
// blue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tern/runtime.hh"

namespace tern {

// What the text does not say.
struct DeviceOptions {
    bool offloads = true;
    u32 mtu = 1500;
    u16 vlan = 0;
    MacAddress mac{};
    std::string network_namespace{};
    u64 memory = u64{256} << 20;  // of the stack; a device takes a small part
};

// Throws RuntimeError.
std::unique_ptr<Link> open_link(const std::string& text, const DeviceOptions& options);
// What people are told when the device of a link was removed.
std::string device_gone(const std::string& link_name);
// What the configuration of a link asks for, as one link for each of so many shards, whose stacks
// may take `memory` each.
std::vector<std::unique_ptr<Link>> open_queues(const LinkConfig& config, u64 memory, u32 shards);

}  // namespace tern
