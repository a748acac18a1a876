// The stack's errors as asio's users know them.
#include <boost/asio/error.hpp>

#include "tern/asio.hh"

namespace tern::asio {

error_code to_error_code(Error error) {
    namespace e = net::error;
    switch (error) {
        case Error::None: return {};
        case Error::EndOfStream: return e::eof;
        case Error::Reset: return e::connection_reset;
        case Error::Refused: return e::connection_refused;
        case Error::TimedOut: return e::timed_out;
        case Error::HostUnreachable: return e::host_unreachable;
        case Error::NoRoute:
        case Error::NetworkUnreachable: return e::network_unreachable;
        case Error::Aborted: return e::connection_aborted;
        case Error::PortInUse: return e::address_in_use;
        case Error::OutOfMemory: return e::no_buffer_space;
        case Error::WouldBlock: return e::would_block;
        case Error::MessageTooLong: return e::message_size;
        case Error::NotConnected: return e::not_connected;
        case Error::NoSuchConnection: return e::bad_descriptor;
        case Error::AlreadyExists: return e::already_connected;
        case Error::Closing: return e::broken_pipe;
        case Error::NotSupported: return e::operation_not_supported;
        case Error::PermissionDenied: return e::access_denied;
        case Error::InvalidArgument: return e::invalid_argument;
        default: return {errno_of(error), boost::system::generic_category()};
    }
}

}  // namespace tern::asio
