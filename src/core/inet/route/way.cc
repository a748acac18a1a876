// RFC 1122 3.3.1.2: the route is looked for once, and then remembered.
#include "core/inet/route/way.hh"

namespace tern::inet {

Result<void> Ways::search(const IpAddress& to, const IpAddress& source, Way& way) {
    const u8 only = surroundings_->interface_of(source);
    constexpr u64 spread = 0x9e3779b97f4a7c15;
    Found& found = found_[((to.high() ^ to.low()) * spread) >> 58];
    if (found.to == to && found.only == only && is_current(found.way)) {
        way = found.way;
        return {};
    }
    way = Way{};
    const auto path = surroundings_->path_to(to, only);
    if (!path) return std::unexpected(Error::NoRoute);
    const auto neighbor = surroundings_->neighbor_on(*path);
    way.interface = path->interface;
    way.epoch = epoch_;  // which to make an entry may have moved on
    way.neighbor = neighbor.value_or(Handle<Neighbor>{});
    // Whoever sends where the neighbour found no place will try again.
    if (neighbor) found = {to, only, way};
    return {};
}

}  // namespace tern::inet
