// RFC 9293 3.10.7.1: nobody is home.
#include "core/tcp/room.hh"

namespace tern::tcp {

Verdict in_closed(Room&, Segment& seg) {
    // RFC 9293 3.10.7.1 [U-2]: a RST is never answered, everything else is.
    if (seg.rst()) return Verdict::drop(DropReason::TcpStrayReset);
    return Verdict::reset(DropReason::TcpNoConnection);
}

}  // namespace tern::tcp
