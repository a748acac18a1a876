// Which address goes with a destination (RFC 6724 5): the same as a walk over all of them finds,
// and without the walk.
#include "core/inet/address/source_table.hh"

#include "base/property.hh"
#include "inet/alone.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

u64 looks_made = 0;
struct Counted {
    static void look() { ++looks_made; }
};
using Table = inet::SourceTable<Counted>;

struct One {
    IpAddress ip;
    Prefix subnet;
};

// The rules as they are written, over all addresses in the order in which they were added.
std::optional<IpAddress> by_walk(const std::vector<One>& all, const IpAddress& to,
                                 const IpAddress& hop) {
    const One* best = nullptr;
    u32 best_score = 0;
    for (const One& one : all) {
        if (one.ip.is_v4() != to.is_v4()) continue;
        const u32 score = 1 + (one.subnet.contains(hop) ? 1024 : 0) +
                          (is_link_local(one.ip) == is_link_local(to) ? 512 : 0) +
                          common_bits(one.ip, to);
        if (score <= best_score) continue;
        best = &one;
        best_score = score;
    }
    if (best == nullptr) return {};
    return best->ip;
}

// Few bits vary, so that subnets, prefixes and ties are met often.
IpAddress some_address(Random& random) {
    const u32 kind = random.below(5);
    if (kind < 2) return Ipv4Address{(u32{10} << 24) | (random.below(4) << 16) | random.below(64)};
    if (kind == 2) return Ipv4Address{(u32{0xa9fe} << 16) | random.below(64)};
    IpAddress a = ip_of(kind == 3 ? "2001:db8::" : "fe80::");
    a.bytes[7] = static_cast<u8>(random.below(3));
    a.bytes[15] = static_cast<u8>(random.below(64));
    return a;
}
u8 some_length(const IpAddress& a, Random& random) {
    constexpr u8 v4[] = {8, 16, 24, 28, 32}, v6[] = {10, 32, 64, 124, 128};
    return a.is_v4() ? v4[random.below(5)] : v6[random.below(5)];
}

TEST(SourceTable, FindsWhatAWalkOverAllFinds) {
    covers({"RFC1122:18"});
    for_each_seed(60, [](Random& random) {
        Table table;
        std::vector<One> all;
        for (u32 step = 0, order = 0; step < 200; ++step) {
            const IpAddress a = some_address(random);
            const auto there =
                std::find_if(all.begin(), all.end(), [&](const One& o) { return o.ip == a; });
            if (there != all.end()) {
                table.remove(a);
                all.erase(there);
            } else {
                all.push_back({a, Prefix{a, some_length(a, random)}});
                table.add(a, all.back().subnet.bits, ++order);
            }
            const IpAddress to = some_address(random), hop = some_address(random);
            if (to.is_v4() != hop.is_v4()) continue;
            ASSERT_EQ(table.choose(to, hop), by_walk(all, to, hop))
                << to.to_string() << " by " << hop.to_string() << ", " << all.size();
        }
    });
}

// The looks of one search among `count` addresses, on the average.
double looks_each(u32 count, u8 prefix_length) {
    Table table;
    for (u32 n = 0; n < count; ++n)
        table.add(Ipv4Address{(u32{10} << 24) + 1 + n * 3}, static_cast<u8>(96 + prefix_length), n);
    looks_made = 0;
    Random random{1};
    constexpr u32 searches = 200;
    for (u32 n = 0; n < searches; ++n) {
        const IpAddress to = Ipv4Address{(u32{10} << 24) + random.below(4 * count)};
        EXPECT_TRUE(table.choose(to, n % 2 == 0 ? to : IpAddress{Ipv4Address{10, 0, 0, 2}}));
    }
    return double(looks_made) / searches;
}

TEST(SourceTable, CostsTheLogarithmOfTheNumberOfAddresses) {
    for (const u8 length : {8, 24, 32}) {
        const double few = looks_each(64, length), many = looks_each(4096, length);
        EXPECT_GT(few, 10) << "the looks are counted";
        EXPECT_LT(many, few * 3) << "/" << int{length};
        EXPECT_LT(many, 300);
    }
}

}  // namespace
}  // namespace tern::test
