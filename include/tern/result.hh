// What a caller can be told: Result<T> holds a value or an Error.
#pragma once

#include <expected>
#include <string_view>
#include <system_error>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// What went wrong; a call names in its comment those that it can give.
enum class Error : u8 {
    None = 0,
    InvalidArgument,      // a value outside its documented range
    InvalidAddress,       // text that is no address, or an address that cannot be used so
    NoSuchInterface,      // the handle names no interface of this stack
    NoRoute,              // no route leads to the destination
    AddressNotAvailable,  // a local address that no interface owns
    PortInUse,            // the local port (or four-tuple) is taken
    NoPortFree,           // every ephemeral port towards this peer is taken
    OutOfMemory,          // the stack's memory ceiling was reached; retry later
    NoSuchConnection,     // RFC 9293: "connection does not exist"
    AlreadyExists,        // RFC 9293: "connection already exists"
    Closing,              // RFC 9293: "connection closing"
    Refused,              // peer answered SYN with RST, or an ICMP port unreachable came
    Reset,                // peer sent RST
    Aborted,              // this side called abort()
    TimedOut,             // R2 or the user timeout passed without an acknowledgement
    HostUnreachable,      // the neighbour does not answer, or ICMP says so
    NetworkUnreachable,   // ICMP says so
    WouldBlock,           // nothing to read, or no room to write, now
    EndOfStream,          // the peer has sent FIN and all data was read
    MessageTooLong,       // a datagram above the path's limit
    NotConnected,         // a call that needs a peer
    NotSupported,         // not built into this version
    PermissionDenied,     // the operating system refused
    SystemError,          // the operating system failed; see the message beside it
};

template <class T>
// A value, or why there is none.
using Result = std::expected<T, Error>;

// One short lower-case sentence, for people.
std::string_view message_of(Error error);
// The value of errno with the same meaning.
int errno_of(Error error);

// Named "tern"; its codes are those of Error, and compare equal to errno_of().
const std::error_category& error_category();
// For std::error_code{Error::Reset} and comparisons.
inline std::error_code make_error_code(Error e) { return {static_cast<int>(e), error_category()}; }

}  // namespace tern

template <>
struct std::is_error_code_enum<tern::Error> : std::true_type {};

// Hands an error up; otherwise names the value. It is a macro because it returns from the caller.
#define TERN_TRY(declaration, ...)                                                         \
    auto&& TERN_TRY_NAME(__LINE__) = (__VA_ARGS__);                                        \
    if (!TERN_TRY_NAME(__LINE__)) return std::unexpected(TERN_TRY_NAME(__LINE__).error()); \
    declaration = *std::move(TERN_TRY_NAME(__LINE__))
#define TERN_TRY_NAME(line) TERN_TRY_NAME2(line)
#define TERN_TRY_NAME2(line) tern_try_##line
