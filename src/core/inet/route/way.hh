// Ways that holders keep: what the tables said about a destination, until one of them changes.
#pragma once

#include <array>

#include "core/base/handle.hh"
#include "core/inet/route/table.hh"
#include "tern/result.hh"

namespace tern::inet {

struct Neighbor;

// A resolved way to a destination. Holders keep it as a cache: find() mends it when the routing or
// neighbour tables have changed since (epoch).
struct Way {
    u32 interface : 8 = 0;  // 0: not resolved yet
    u32 epoch : 24 = 0;
    Handle<Neighbor> neighbor;
};

// Finds ways. What a destination teaches, as the MTU of the path to it, has its place here.
class Ways {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        // RFC 1122 3.3.4.2, the strong host model: the interface by which what has `source` must
        // leave. 0: any one, since nobody has chosen a source yet, or one that is not ours.
        virtual u8 interface_of(const IpAddress& source) const = 0;
        // By the interface `only`, unless that is 0.
        virtual std::optional<Path> path_to(const IpAddress& to, u8 only) const = 0;
        // The entry of the next hop, made if there is none. 0: nobody needs to be asked, on a link
        // without addresses or for a group; none: its table is full.
        virtual std::optional<Handle<Neighbor>> neighbor_on(const Path& path) = 0;
        virtual u32 mtu_of(u8 interface) const = 0;

    protected:
        ~Surroundings() = default;
    };

    explicit Ways(Surroundings& surroundings) : surroundings_(&surroundings) {}

    // Resolves or mends `way`, which leaves by the interface of `source` (0.0.0.0 or ::: not chosen
    // yet), the same for the life of `way`. NoRoute.
    Result<void> find(const IpAddress& to, const IpAddress& source, Way& way) {
        if (is_current(way)) [[likely]]
            return {};
        return search(to, source, way);
    }
    bool is_current(const Way& way) const { return way.epoch == epoch_ && way.interface != 0; }
    u32 mtu(const Way& way) const { return surroundings_->mtu_of(way.interface); }
    // A route, an address, or the owner of a neighbour's slot is another one now.
    void tables_changed() { epoch_ = (epoch_ + 1) & 0xff'ffff; }

private:
    Result<void> search(const IpAddress& to, const IpAddress& source, Way& way);

    // Found lately, so that many short connections to a few hosts share the search.
    struct Found {
        IpAddress to;
        u8 only = 0;  // the interface of the source
        Way way;
    };

    Surroundings* surroundings_;
    u32 epoch_ = 1;  // 24 bits
    std::array<Found, 64> found_{};
};

}  // namespace tern::inet
