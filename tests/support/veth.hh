// A pair of devices for what needs one that is there before.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include <sched.h>
#include <unistd.h>

#include "link/frames.hh"

namespace tern::test {

inline bool run_command(const std::string& command) { return std::system(command.c_str()) == 0; }

// By ip(8). Whether it went well; a failure of the test when it must.
inline bool ip_command(const std::string& words, bool must = true) {
    const bool good = run_command("ip " + words);
    EXPECT_TRUE(good || !must) << "ip " << words;
    return good;
}

// For SetUp(). A user namespace of its own would not do: programs of XDP are root's to load.
inline void enter_namespace_for_xdp() {
    if (::geteuid() == 0 && ::unshare(CLONE_NEWNET) == 0) {
        // Its solicitations would be counted.
        run_command("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 2> /dev/null");
        return;
    }
    const char* allowed = std::getenv("TERN_NO_ROOT_TESTS");
    if (allowed != nullptr && std::string_view{allowed} == "1")
        GTEST_SKIP() << "TERN_NO_ROOT_TESTS=1: AF_XDP is not tested against the kernel";
    FAIL() << "AF_XDP needs root: run as root, or set TERN_NO_ROOT_TESTS=1 to skip this";
}

// veth0 for us and veth1 for the kernel, both up. `more` is said of veth0, and its queues of both.
inline void make_veth(const std::string& more) {
    const auto queues = more.find("numrxqueues");
    ip_command("link add veth0 " + more + " type veth peer name veth1 " +
               (queues == more.npos ? "" : more.substr(queues)));
    ip_command("link set veth0 up");
    ip_command("link set veth1 up");
}

// What the processor `i` sends leaves by the queue `i` of the interface.
inline void queue_for_each_processor(const std::string& interface, u32 queues) {
    std::string script = "mount -t sysfs none /sys";
    for (u32 i = 0; i < queues; ++i)
        script += " && printf %x " + std::to_string(1u << i) + " > /sys/class/net/" + interface +
                  "/queues/tx-" + std::to_string(i) + "/xps_cpus";
    // In a mount namespace of its own, for /sys shows the devices of who mounted it.
    EXPECT_TRUE(run_command("unshare -m sh -c '" + script + "'")) << script;
}

// What tcp_frame() made becomes a UDP datagram for port 5000 that begins with `number`.
inline void make_datagram(Packet& p, u32 number) {
    std::byte* ip = p.data() + 14;
    ip[9] = std::byte{17};
    store16(ip + 10, u16{0});
    store16(ip + 10, static_cast<u16>(~slow_sum({ip, 20})));
    store16(ip + 24, static_cast<u16>(p.size() - 34));
    store16(ip + 26, u16{0});
    store32(ip + 28, number);
}

}  // namespace tern::test
