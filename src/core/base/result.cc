// What an Error says to people, to errno and to std::error_code.
#include "tern/result.hh"

#include <array>
#include <cerrno>
#include <string>

namespace tern {

namespace {

struct Row {
    Error error;
    int number;
    std::string_view message;
};

constexpr std::array k_rows = {
    Row{Error::None, 0, "no error"},
    Row{Error::InvalidArgument, EINVAL, "a value is outside its documented range"},
    Row{Error::InvalidAddress, EAFNOSUPPORT, "this is no address, or not one to be used here"},
    Row{Error::NoSuchInterface, ENODEV, "this stack has no such interface"},
    Row{Error::NoRoute, ENETUNREACH, "no route leads to the destination"},
    Row{Error::AddressNotAvailable, EADDRNOTAVAIL, "no interface owns this local address"},
    Row{Error::PortInUse, EADDRINUSE, "the local port is in use"},
    Row{Error::NoPortFree, EAGAIN, "every ephemeral port towards this peer is in use"},
    Row{Error::OutOfMemory, ENOBUFS, "the stack's memory ceiling is reached"},
    Row{Error::NoSuchConnection, EBADF, "connection does not exist"},
    Row{Error::AlreadyExists, EISCONN, "connection already exists"},
    Row{Error::Closing, EPIPE, "connection closing"},
    Row{Error::Refused, ECONNREFUSED, "connection refused by the peer"},
    Row{Error::Reset, ECONNRESET, "connection reset by the peer"},
    Row{Error::Aborted, ECONNABORTED, "connection aborted on this side"},
    Row{Error::TimedOut, ETIMEDOUT, "the peer has not acknowledged in time"},
    Row{Error::HostUnreachable, EHOSTUNREACH, "the host does not answer"},
    Row{Error::NetworkUnreachable, ENETUNREACH, "the network cannot be reached"},
    Row{Error::WouldBlock, EWOULDBLOCK, "nothing to read, or no room to write, now"},
    Row{Error::EndOfStream, 0, "the peer has finished sending"},  // read() returns 0
    Row{Error::MessageTooLong, EMSGSIZE, "the datagram is too long for the path"},
    Row{Error::NotConnected, ENOTCONN, "this call needs a peer"},
    Row{Error::NotSupported, EOPNOTSUPP, "not built into this version"},
    Row{Error::PermissionDenied, EACCES, "the operating system refused"},
    Row{Error::SystemError, EIO, "the operating system failed"},
};

constexpr bool rows_are_indexed_by_error() {
    for (std::size_t i = 0; i < k_rows.size(); ++i)
        if (static_cast<std::size_t>(k_rows[i].error) != i) return false;
    return static_cast<std::size_t>(Error::SystemError) + 1 == k_rows.size();
}
static_assert(rows_are_indexed_by_error());

const Row* row_of(int value) {
    if (value < 0 || static_cast<std::size_t>(value) >= k_rows.size()) return nullptr;
    return &k_rows[static_cast<std::size_t>(value)];
}

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "tern"; }
    std::string message(int value) const override {
        const Row* row = row_of(value);
        return std::string{row ? row->message : std::string_view{"unknown error"}};
    }
    // So that `code == std::errc::connection_refused` holds, as Asio's users write it.
    std::error_condition default_error_condition(int value) const noexcept override {
        const Row* row = row_of(value);
        if (row && row->number != 0) return {row->number, std::generic_category()};
        return {value, *this};
    }
};

}  // namespace

std::string_view message_of(Error error) {
    const Row* row = row_of(static_cast<int>(error));
    return row ? row->message : "unknown error";
}

int errno_of(Error error) {
    const Row* row = row_of(static_cast<int>(error));
    return row ? row->number : EINVAL;
}

const std::error_category& error_category() {
    static const Category category;
    return category;
}

}  // namespace tern
