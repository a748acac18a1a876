// Which of the addresses of an interface goes with a destination: RFC 1122 3.3.4.3, RFC 6724 5. A
// search takes logarithmic time, however many addresses there are. Asks nothing of anybody.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/prefix.hh"

namespace tern::inet {

struct LooksUncounted {
    static void look() {}
};

// Looks: tests count what a search looks at.
template <class Looks = LooksUncounted>
class SourceTable {
public:
    // `order`: of two that serve as well the lower one is chosen.
    void add(const IpAddress& ip, u8 prefix_bits, u32 order) {
        const Entry entry{ip, ip, order, prefix_bits};
        entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), entry, before), entry);
        build_tree();
    }
    void remove(const IpAddress& ip) {
        std::erase_if(entries_, [&](const Entry& e) { return e.ip == ip; });
        build_tree();
    }

    // RFC 6724 5, as far as IPv4 has it: an address of the next hop's subnet (rule 5.5's aim), the
    // scope of the destination (rule 2), the longest common prefix (rule 8), the order.
    std::optional<IpAddress> choose(const IpAddress& to, const IpAddress& hop) const {
        for (const bool beside_hop : {true, false}) {
            Choice best;
            for (Range group = group_at(0); !group.empty(); group = group_at(group.end)) {
                const Entry& any = entries_[group.begin];
                if (any.ip.is_v4() != to.is_v4()) continue;
                const Range fitting = beside_hop ? with_first_bits(group, hop, any.bits) : group;
                consider_scopes(fitting, to, best);
            }
            if (best.found) return entries_[best.place].ip;
        }
        return {};
    }

private:
    struct Entry {
        IpAddress ip;
        AddressNumber number;
        u32 order = 0;
        u8 bits = 0;
    };
    struct Range {
        u32 begin = 0, end = 0;
        bool empty() const { return begin == end; }
    };
    struct Choice {
        bool found = false;
        bool same_scope = false;
        u32 common = 0;
        u32 place = 0;
    };

    // Addresses of one family and prefix length stand together, in their own order.
    static bool before(const Entry& a, const Entry& b) {
        if (a.ip.is_v4() != b.ip.is_v4()) return b.ip.is_v4();
        if (a.bits != b.bits) return a.bits < b.bits;
        return a.number < b.number;
    }
    const Entry& at(u32 place) const {
        Looks::look();
        return entries_[place];
    }
    // The first place in `in` for which `left` does not hold any more.
    template <class Left>
    u32 partition(Range in, Left&& left) const {
        while (in.begin != in.end) {
            const u32 middle = in.begin + (in.end - in.begin) / 2;
            if (left(at(middle)))
                in.begin = middle + 1;
            else
                in.end = middle;
        }
        return in.begin;
    }
    Range group_at(u32 begin) const {
        const u32 all = static_cast<u32>(entries_.size());
        if (begin == all) return {all, all};
        const Entry& first = at(begin);
        return {begin, partition({begin, all}, [&](const Entry& e) {
                    return e.bits == first.bits && e.ip.is_v4() == first.ip.is_v4();
                })};
    }
    Range between(const Range& in, const AddressNumber& first, const AddressNumber& last) const {
        const u32 begin = partition(in, [&](const Entry& e) { return e.number < first; });
        return {begin,
                partition({begin, in.end}, [&](const Entry& e) { return e.number <= last; })};
    }
    Range with_first_bits(const Range& in, const IpAddress& like, u32 bits) const {
        const Prefix prefix = prefix_of_bits(like, bits);
        return between(in, prefix.first, prefix.last());
    }
    static Prefix prefix_of_bits(const IpAddress& a, u32 bits) {
        return {a, static_cast<u8>(a.is_v4() ? bits - 96 : bits)};
    }

    // Link-local addresses stand together, so that those of either scope are one range or two.
    void consider_scopes(const Range& range, const IpAddress& to, Choice& best) const {
        if (range.empty()) return;
        const Prefix local = link_local_like(to);
        const Range inner = between(range, local.first, local.last());
        const bool wants_local = is_link_local(to);
        consider({range.begin, inner.begin}, to, !wants_local, best);
        consider(inner, to, wants_local, best);
        consider({inner.end, range.end}, to, !wants_local, best);
    }
    static Prefix link_local_like(const IpAddress& to) {
        if (to.is_v4()) return {Ipv4Address{169, 254, 0, 0}, 16};
        IpAddress first;
        first.bytes[0] = 0xfe;
        first.bytes[1] = 0x80;
        return {first, 10};
    }

    // Whoever shares most bits with `to` stands next to where `to` would stand.
    void consider(const Range& range, const IpAddress& to, bool same_scope, Choice& best) const {
        if (range.empty() || (best.found && best.same_scope && !same_scope)) return;
        const AddressNumber number = to;
        const u32 here = partition(range, [&](const Entry& e) { return e.number < number; });
        u32 common = 0;
        if (here != range.end) common = common_bits(at(here).number, number);
        if (here != range.begin)
            common = std::max(common, common_bits(at(here - 1).number, number));
        const u32 place = least(with_first_bits(range, to, common));
        const bool better = !best.found || same_scope > best.same_scope || common > best.common ||
                            (common == best.common && at(place).order < at(best.place).order);
        if (better) best = {true, same_scope, common, place};
    }

    // A tree of minima over the places: tree_[n] is of what stands under 2n and 2n + 1.
    void build_tree() {
        const std::size_t count = entries_.size();
        tree_.resize(2 * count);
        for (std::size_t n = 0; n < count; ++n) tree_[count + n] = static_cast<u32>(n);
        for (std::size_t n = count; n-- > 1;) tree_[n] = earlier(tree_[2 * n], tree_[2 * n + 1]);
    }
    u32 earlier(u32 a, u32 b) const { return at(a).order < at(b).order ? a : b; }
    u32 least(const Range& range) const {
        const u32 count = static_cast<u32>(entries_.size());
        u32 place = range.begin;
        for (u32 l = count + range.begin, r = count + range.end; l < r; l /= 2, r /= 2) {
            if (l % 2 != 0) place = earlier(place, tree_[l++]);
            if (r % 2 != 0) place = earlier(place, tree_[--r]);
        }
        return place;
    }

    std::vector<Entry> entries_;
    std::vector<u32> tree_;
};

}  // namespace tern::inet
