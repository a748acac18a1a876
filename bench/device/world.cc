#include "world.hh"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace tern::bench {

namespace {

double seconds_of(const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

void read_byte(int fd) {
    char byte;
    require(::read(fd, &byte, 1) == 1, "the other process is gone");
}

}  // namespace

sockaddr_in socket_address(u32 address) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(k_port);
    a.sin_addr.s_addr = htonl(address);
    return a;
}

int tcp_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    require(fd >= 0, "socket");
    require(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0, "no cubic");
    require(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0, "TCP_NODELAY");
    return fd;
}

int connect_to_kernel() {
    const int fd = tcp_socket();
    const sockaddr_in to = socket_address(k_kernel_address);
    require(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
    return fd;
}

void enter_namespace() {
    const bool alone = ::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    require(alone, "a network namespace of its own was refused: run it as root");
}

void configure(const std::string& command) {
    require(std::system(("ip " + command).c_str()) == 0, command.c_str());
}

Child::Child(bool apart, const std::function<void(Shared&)>& body) {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED, "mmap");
    shared_ = new (memory) Shared;
    int apart_pipe[2];
    require(::pipe(start_) == 0 && ::pipe(apart_pipe) == 0, "pipe");
    pid_ = ::fork();
    require(pid_ >= 0, "fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::prctl(PR_SET_NAME, "other-end");  // for perf
        if (apart) enter_namespace();
        require(::write(apart_pipe[1], "", 1) == 1, "pipe");
        read_byte(start_[0]);
        body(*shared_);
        std::_Exit(0);
    }
    read_byte(apart_pipe[0]);
    ::close(apart_pipe[0]);
    ::close(apart_pipe[1]);
}

Child::~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(shared_, sizeof(Shared));
}

void Child::let_go() { require(::write(start_[1], "", 1) == 1, "pipe"); }

void Child::await_ready() {
    while (shared_->ready.load() == 0) {
        require(::waitpid(pid_, nullptr, WNOHANG) == 0, "the kernel's end ended early");
        ::usleep(1000);
    }
}

double Child::processor_seconds() const {
    clockid_t clock{};
    timespec t{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &t) != 0) return 0;
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void join_by_veth(const Child& child, const DeviceOptions& o) {
    const std::string here = k_veth, peer = k_veth_peer, pid = std::to_string(child.pid());
    configure("link add " + here + " type veth peer name " + peer + " netns " + pid);
    if (!o.xdp) configure("addr add 10.9.0.2/24 dev " + here);
    configure("link set " + here + " up");
    const auto in_child = [&](const std::string& command) {
        const std::string inside = "nsenter --net=/proc/" + pid + "/ns/net " + command;
        require(std::system(inside.c_str()) == 0, command.c_str());
    };
    in_child("ip addr add 10.9.0.1/24 dev " + peer);
    in_child("ip link set " + peer + " up");
    if (o.offloads) return;
    const std::string off = " tso off gso off gro off tx off rx off > /dev/null 2>&1";
    require(std::system(("ethtool -K " + here + off).c_str()) == 0, "ethtool");
    in_child("ethtool -K " + peer + off);
}

UsageWatch::UsageWatch() {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    user_ = seconds_of(u.ru_utime);
    system_ = seconds_of(u.ru_stime);
}

Usage UsageWatch::stop() const {
    rusage u{};
    ::getrusage(RUSAGE_SELF, &u);
    return {watch_.seconds(), seconds_of(u.ru_utime) - user_, seconds_of(u.ru_stime) - system_};
}

Figures measure(const DeviceOptions& o, Child& child, const std::function<void()>& step,
                const std::function<u64()>& bytes, const std::function<u64()>& system_calls) {
    for (const Stopwatch warm_up; warm_up.seconds() < o.seconds / 10;) step();
    const u64 bytes_before = bytes(), calls_before = system_calls ? system_calls() : 0;
    const double kernel_before = child.processor_seconds();
    const UsageWatch usage;
    for (const Stopwatch watch; watch.seconds() < o.seconds;)
        for (int i = 0; i < 16; ++i) step();
    Figures f;
    f.usage = usage.stop();
    f.bytes = bytes() - bytes_before;
    f.kernel_seconds = child.processor_seconds() - kernel_before;
    f.system_calls = system_calls ? system_calls() - calls_before : 0;
    require(f.bytes > 0, "nothing arrived");
    return f;
}

Figures measure_round_trips(const DeviceOptions& o, Child& child,
                            const std::function<void()>& step) {
    for (const Stopwatch warm_up; warm_up.seconds() < o.seconds / 10;) step();
    std::vector<double> times;
    times.reserve(static_cast<std::size_t>(o.seconds * 1e6));
    const double kernel_before = child.processor_seconds();
    const UsageWatch usage;
    for (const Stopwatch watch; watch.seconds() < o.seconds;) {
        const Stopwatch one;
        step();
        times.push_back(one.seconds());
    }
    Figures f;
    f.usage = usage.stop();
    f.kernel_seconds = child.processor_seconds() - kernel_before;
    f.round_trips = times.size();
    f.bytes = f.round_trips * k_round_trip_bytes * 2;
    std::ranges::sort(times);
    f.p50_us = times[times.size() / 2] * 1e6;
    f.p99_us = times[times.size() * 99 / 100] * 1e6;
    return f;
}

}  // namespace tern::bench
