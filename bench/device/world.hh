// Two network namespaces, or one with a TAP, made for one measurement and gone with its processes;
// and what the two ends of a measurement tell each other.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include <netinet/in.h>

#include "options.hh"

namespace tern::bench {

struct DeviceOptions {
    enum class Question : u8 { Send, Receive, RoundTrip } question = Question::Send;
    enum class Peer : u8 { Tern, Raw, Kernel } peer = Peer::Tern;
    double seconds = 3;
    bool offloads = true;  // --plain: frames of 1,514 bytes and no header in front of them
    bool xdp = false;      // tern, raw: AF_XDP on a veth in place of a TAP; needs --plain
    bool slices = false;   // tern: no copy between the stack and the application
    bool spin = false;     // tern: never sleeps; kernel: asks again instead of waiting
    bool adaptive = false;
    u32 ring = 0;    // raw: this many calls at once by io_uring; 0: one by one
    u32 buffer = 0;  // tern: bytes of send and receive buffer; 0: they find their size
    bool json = false;
};

// In memory that both processes see.
struct Shared {
    alignas(64) std::atomic<u32> ready{0};     // the kernel's end listens
    alignas(64) std::atomic<u64> received{0};  // bytes, counted by a receiver in the kernel
};

constexpr u32 k_kernel_address = 0x0a090001, k_our_address = 0x0a090002;
constexpr u16 k_port = 5001;
constexpr u32 k_frame = 1514, k_round_trip_bytes = 64;
constexpr const char *k_tap = "tern0", *k_veth = "here0", *k_veth_peer = "there0";

sockaddr_in socket_address(u32 address);
// A socket of the kernel's, with cubic, whatever the machine's default is.
int tcp_socket();
// Connected to k_kernel_address, where the child listens.
int connect_to_kernel();

// Enters a network namespace of its own; ends the program where that is refused.
void enter_namespace();
void configure(const std::string& command);  // by ip(8)

// A child for the other end, in a namespace of its own if `apart`; ends with this object.
class Child {
public:
    Child(bool apart, const std::function<void(Shared&)>& body);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int pid() const { return pid_; }
    Shared& shared() { return *shared_; }
    void let_go();  // the network is ready: `body` may begin
    void await_ready();
    double processor_seconds() const;

private:
    Shared* shared_;
    int pid_ = -1;
    int start_[2];
};

// A cable between this namespace, where it is k_veth, and the child's. 10.9.0.1 is there, and
// 10.9.0.2 here unless it is another stack's.
void join_by_veth(const Child& child, const DeviceOptions& o);

// What the measured side did in the measured time.
struct Usage {
    double wall = 0, user = 0, system = 0;
};
class UsageWatch {
public:
    UsageWatch();
    Usage stop() const;

private:
    Stopwatch watch_;
    double user_, system_;
};

struct Figures {
    u64 bytes = 0;  // of stream, or of frames where there is no stream
    Usage usage;
    double kernel_seconds = 0;  // processor time of the other end
    u64 system_calls = 0;       // 0: not counted
    u64 round_trips = 0;
    double p50_us = 0, p99_us = 0;
};

// One program for each kind of end; each ends the program when something goes wrong.
void kernel_end(const DeviceOptions& o, Shared& shared);
Figures measure_tern(const DeviceOptions& o);
Figures measure_raw(const DeviceOptions& o);
Figures measure_raw_xdp(const DeviceOptions& o);
Figures measure_kernel(const DeviceOptions& o);

// Counts what `step` does until the time is over, after a tenth of it as warm-up.
Figures measure(const DeviceOptions& o, Child& child, const std::function<void()>& step,
                const std::function<u64()>& bytes, const std::function<u64()>& system_calls = {});
// The same for round trips, which `step` does one at a time.
Figures measure_round_trips(const DeviceOptions& o, Child& child,
                            const std::function<void()>& step);

}  // namespace tern::bench
