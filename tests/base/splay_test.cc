#include "core/base/splay.hh"

#include <map>
#include <vector>

#include "base/property.hh"

namespace tern {
namespace {

struct Node {
    u32 number = 0;
    u32 child[2] = {0, 0};
    mutable u32* looks = nullptr;  // counts what is touched
    u32 key() const {
        ++*looks;
        return number;
    }
};

struct Nodes {
    std::vector<Node> all{1};
    u32 looks = 0;
    using Id = u32;
    Node& operator[](u32 i) { return all[i]; }
    u32 add(u32 number) {
        all.push_back({.number = number, .looks = &looks});
        return static_cast<u32>(all.size() - 1);
    }
};

// In order, from the least on.
void list(Nodes& nodes, u32 root, std::vector<u32>& out) {
    if (root == 0) return;
    list(nodes, nodes[root].child[0], out);
    out.push_back(nodes[root].number);
    list(nodes, nodes[root].child[1], out);
}

TEST(Splay, AgreesWithAMap) {
    test::for_each_seed(50, [](Random& random) {
        Nodes nodes;
        std::map<u32, u32> map;
        u32 root = 0;
        for (int step = 0; step < 1'000; ++step) {
            const u32 number = static_cast<u32>(random.below(200));
            const auto at = map.find(number);
            if (at == map.end()) {
                root = splay_insert(nodes, root, map[number] = nodes.add(number));
            } else if (random.below(2) == 0) {
                root = splay_erase(nodes, root, at->second);
                map.erase(at);
            }
            std::vector<u32> have, want;
            list(nodes, root, have);
            for (const auto& [n, i] : map) want.push_back(n);
            ASSERT_EQ(have, want);
            if (map.empty()) continue;
            const u32 wanted = static_cast<u32>(random.below(200));
            root = splay(nodes, root, wanted);
            const auto above = map.lower_bound(wanted);
            const bool neighbour = (above != map.end() && above->second == root) ||
                                   (above != map.begin() && std::prev(above)->second == root);
            ASSERT_TRUE(neighbour) << wanted << " found " << nodes[root].number;
        }
    });
}

// What one search of `count` in the order of `next` looks at, a tree of that many being there.
template <class Next>
double looks_per_search(u32 size, Next next) {
    Nodes nodes;
    u32 root = 0;
    for (u32 n = 0; n < size; ++n) root = splay_insert(nodes, root, nodes.add(n));
    nodes.looks = 0;
    const u32 searches = 4 * size;
    for (u32 n = 0; n < searches; ++n) root = splay(nodes, root, next(n, size));
    return double(nodes.looks) / searches;
}

TEST(Splay, CostsTheLogarithmInAnyOrderAndNextToNothingInOrder) {
    const auto in_order = [](u32 n, u32 size) { return n % size; };
    const auto scattered = [](u32 n, u32 size) { return n * 2'654'435'761u % size; };
    // The two ends in turn, and the bits of the number backwards: what trees like least.
    const auto from_both_ends = [](u32 n, u32 size) {
        return n % 2 == 0 ? n / 2 % size : size - 1 - n / 2 % size;
    };
    const auto backwards = [](u32 n, u32 size) {
        u32 r = 0;
        for (u32 bit = 1; bit < size; bit *= 2, n /= 2) r = r * 2 + n % 2;
        return r % size;
    };
    EXPECT_LT(looks_per_search(256, in_order), 16);
    EXPECT_LT(looks_per_search(65'536, in_order), 16);
    for (const u32 size : {256u, 65'536u}) {
        const double logarithm = std::bit_width(size);
        EXPECT_LT(looks_per_search(size, scattered), 6 * logarithm);
        EXPECT_LT(looks_per_search(size, from_both_ends), 6 * logarithm);
        EXPECT_LT(looks_per_search(size, backwards), 6 * logarithm);
    }
}

}  // namespace
}  // namespace tern
