// A network namespace of a test's own, and the kernel's end of a device in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tern/int.hh"

namespace tern::test {

inline sockaddr_in endpoint(u32 address, u16 port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(address);
    return a;
}

// For SetUp(): without root an unprivileged user namespace goes around it. The threads that are
// started later live in it too.
inline void enter_own_namespace() {
    const bool alone = ::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (alone && ::access("/dev/net/tun", R_OK | W_OK) == 0) return;
    const char* allowed = std::getenv("TERN_NO_ROOT_TESTS");
    if (allowed != nullptr && std::string_view{allowed} == "1") {
        GTEST_SKIP() << "TERN_NO_ROOT_TESTS=1: TUN/TAP is not tested against the kernel";
    }
    FAIL() << (alone ? "/dev/net/tun cannot be opened"
                     : "a network namespace of its own was refused")
           << ": run as root with /dev/net/tun, or set TERN_NO_ROOT_TESTS=1 to skip this";
}

// Gives the kernel's end its address/24; returns its hardware address.
inline void give_address(const std::string& interface, u32 address, u8 (&mac)[6]) {
    const int control = ::socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    sockaddr_in a = endpoint(address, 0);
    std::memcpy(&request.ifr_addr, &a, sizeof a);
    ASSERT_EQ(::ioctl(control, SIOCSIFADDR, &request), 0);
    a = endpoint(0xffffff00, 0);
    std::memcpy(&request.ifr_netmask, &a, sizeof a);
    ASSERT_EQ(::ioctl(control, SIOCSIFNETMASK, &request), 0);
    ASSERT_EQ(::ioctl(control, SIOCGIFHWADDR, &request), 0);
    std::memcpy(mac, request.ifr_hwaddr.sa_data, sizeof mac);
    ::close(control);
}

}  // namespace tern::test
