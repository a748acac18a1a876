// The XDP program of a device: what a receive queue gets goes to the socket that is bound to it.
#pragma once

#include <expected>

#include "os/link/device_setup.hh"

namespace tern {

class XdpProgram {
public:
    // With room for sockets of the queues 0..queues-1. An errno when the kernel refuses it.
    static std::expected<XdpProgram, int> load(u32 queues);

    // 0, or an errno.
    int add_socket(u32 queue, int socket);
    // In the driver where it can, else for all packets that come from it. From now on, and for as
    // long as this lives: the kernel detaches what no process holds. 0, or an errno.
    int attach(unsigned interface);
    bool in_driver() const { return in_driver_; }

private:
    Descriptor sockets_, program_, attachment_;
    bool in_driver_ = false;
};

}  // namespace tern
