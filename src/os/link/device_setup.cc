#include "os/link/device_setup.hh"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/base/assert.hh"

namespace tern {

Error error_of(int number) {
    switch (number) {
        case EPERM:
        case EACCES: return Error::PermissionDenied;
        case EBUSY: return Error::AlreadyExists;
        case EINVAL: return Error::InvalidArgument;
        case ENODEV:
        case ENOENT: return Error::NoSuchInterface;
        case ENOMEM:
        case ENOBUFS: return Error::OutOfMemory;
        default: return Error::SystemError;
    }
}

std::unexpected<OpenError> open_failed(std::string what, int number, std::string_view remedy) {
    what += ": ";
    what += std::strerror(number);
    if (!remedy.empty()) what.append(": ").append(remedy);
    return std::unexpected(OpenError{error_of(number), std::move(what)});
}

std::unexpected<OpenError> open_refused(Error code, std::string message) {
    return std::unexpected(OpenError{code, std::move(message)});
}

std::expected<void, OpenError> NamespaceVisit::enter(const std::string& path) {
    if (path.empty()) return {};
    home_ = Descriptor{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    const Descriptor there{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    inside_ = home_ && there && ::setns(there.get(), CLONE_NEWNET) == 0;
    if (inside_) return {};
    return open_failed("network namespace " + path, errno,
                       "make it with `ip netns add`; entering one needs CAP_SYS_ADMIN");
}

NamespaceVisit::~NamespaceVisit() {
    if (inside_) check(::setns(home_.get(), CLONE_NEWNET) == 0);
}

Descriptor control_socket() { return Descriptor{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; }

ifreq request_for(const std::string& name) {
    check(name.size() < IFNAMSIZ);
    ifreq request{};
    std::memcpy(request.ifr_name, name.c_str(), name.size());
    return request;
}

void wait_until_running(const std::string& name) {
    constexpr int k_most_ms = 1500, k_step_ms = 2;
    const Descriptor control = control_socket();
    ifreq request = request_for(name);
    for (int waited = 0; control && waited < k_most_ms; waited += k_step_ms) {
        if (::ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) return;
        const bool down = (request.ifr_flags & IFF_UP) == 0;
        if (down || (request.ifr_flags & IFF_RUNNING) != 0) return;
        ::poll(nullptr, 0, k_step_ms);
    }
}

std::expected<void, OpenError> validate_name(const std::string& name) {
    if (name.size() < IFNAMSIZ) return {};
    return open_refused(Error::InvalidArgument,
                        "interface name \"" + name + "\" is longer than 15 characters");
}

}  // namespace tern
