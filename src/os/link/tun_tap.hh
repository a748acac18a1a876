// TUN and TAP devices of the Linux kernel: this program is the other end of the cable. With the
// virtio-net header, super-segments and unfinished checksums cross the border in one piece.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "os/link/device_setup.hh"
#include "tern/link.hh"

namespace tern {

struct TapOptions {
    std::string name = "tern0";        // "" or "tap%d": the kernel chooses; see facts().name
    Medium medium = Medium::Ethernet;  // Ethernet: a TAP device; Ip: a TUN device
    bool multi_queue = false;  // one queue of several; each call with this name opens one more
    bool vnet_hdr = true;      // a virtio-net header in front of each frame
    u32 vnet_hdr_size = 10;    // or 12
    bool offloads = true;      // checksum and TSO for IPv4, both directions; needs vnet_hdr
    bool tso6 = false;         // the kernel may hand over TCP/IPv6 super-segments too
    u32 mtu = 1500;
    u16 vlan = 0;
    MacAddress mac{};                 // our end's; zero: made from the kernel end's address
    std::string network_namespace{};  // path, as /run/netns/NAME; "": where this thread is
    bool bring_up = false;            // set the kernel end's MTU and switch it on
    bool bring_up_new = false;        // the same, but only if this call makes the interface
};

std::expected<std::unique_ptr<Link>, OpenError> open_tap(const TapOptions& options);

// Sets the MTU of a kernel interface in this thread's network namespace and switches it on.
Result<void> set_up(const std::string& name, u32 mtu);

}  // namespace tern
