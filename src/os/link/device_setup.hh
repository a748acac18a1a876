// What opening a device of the kernel takes, whatever its kind: descriptors, namespaces, and errors
// that name their remedy.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <net/if.h>
#include <unistd.h>

#include "tern/result.hh"

namespace tern {

// What the system said and what helps, for people.
struct OpenError {
    Error code = Error::SystemError;
    std::string message;
};

Error error_of(int number);
// "what: No such device: remedy".
std::unexpected<OpenError> open_failed(std::string what, int number, std::string_view remedy);
std::unexpected<OpenError> open_refused(Error code, std::string message);

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

// Stays in another network namespace for as long as it lives. Namespaces belong to threads, so
// other threads see nothing of it.
class NamespaceVisit {
public:
    // "": stays where it is.
    std::expected<void, OpenError> enter(const std::string& path);
    ~NamespaceVisit();

private:
    Descriptor home_;
    bool inside_ = false;
};

// Interface requests go through any socket; a datagram one needs no privilege to exist.
Descriptor control_socket();
// A request about this interface, whose name is shorter than IFNAMSIZ.
ifreq request_for(const std::string& name);
// An interface that lost its program a moment ago, or has got a cable, is switched on by the
// kernel's link watch, within a second; what it would send before then is lost without a word.
void wait_until_running(const std::string& name);
std::expected<void, OpenError> validate_name(const std::string& name);

}  // namespace tern
