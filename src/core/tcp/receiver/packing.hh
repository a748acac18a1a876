// How bytes that wait are kept: what pins a slot each would be too dear.
#pragma once

#include "tern/packet_batch.hh"

namespace tern::tcp {

// Behind what is there: a small payload joins the buffer before it, and one that fills little of a
// large slot moves to a smaller one, if there is one.
void append_packed(Chain& chain, Packet packet);

}  // namespace tern::tcp
