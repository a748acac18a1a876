// Receive queues of a network device by AF_XDP: frames pass between the driver and this program
// beside the kernel's own stack, which then sees nothing of what these queues receive.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/link/device_setup.hh"
#include "tern/link.hh"

namespace tern {

struct XdpOptions {
    std::string name = "veth0";
    // Without it the links share all queues of the device; with it each has one, from here on.
    std::optional<u32> queue{};
    u32 links = 1;   // one for each shard
    u32 mtu = 1500;  // or the device's, if that is less
    u16 vlan = 0;
    MacAddress mac{};                 // zero: the device's
    u64 memory = 4 << 20;             // about the most for buffers of one queue
    std::string network_namespace{};  // path, as /run/netns/NAME; "": where this thread is
};

// They share the program of the device, which is detached when the last of them dies.
std::expected<std::vector<std::unique_ptr<Link>>, OpenError> open_xdp(const XdpOptions& options);

}  // namespace tern
