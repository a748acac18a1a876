// Another algorithm of congestion control beside the built-in ones.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

Result<void> Tcp::add_congestion_control(const CongestionControl& algorithm) {
    Room& room = *room_;
    if (algorithm.name().empty() || algorithm.state_bytes() > k_congestion_state)
        return std::unexpected(Error::InvalidArgument);
    if (find_algorithm(room, algorithm.name())) return std::unexpected(Error::AlreadyExists);
    if (room.algorithm_count == room.algorithms.size()) return std::unexpected(Error::OutOfMemory);
    room.algorithms[room.algorithm_count++] = &algorithm;
    return {};
}

}  // namespace tern
