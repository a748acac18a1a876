// A search tree that moves what was asked for to its root (Sleator and Tarjan 1985): no list is
// walked, a search costs the logarithm of the size over any run of searches, and what was asked for
// last, or lies beside it, costs next to nothing. No balance is kept, so nobody can upset it.
//
// Nodes lie in a Pool, or anything with an Id and [Id]; a node has key(), compared by <, and
// `child`, two Ids: smaller, greater. The tree is the Id of its root; 0: empty.
#pragma once

#include "tern/int.hh"

namespace tern {

// The new root: the node with this key, or one of its two neighbours.
template <class Nodes, class Key>
typename Nodes::Id splay(Nodes& nodes, typename Nodes::Id root, Key key) {
    using Id = typename Nodes::Id;
    if (root == 0) return 0;
    // What was passed on the way down, smaller and greater, and where its next part hangs.
    Id passed[2] = {0, 0};
    Id* hangs[2] = {&passed[0], &passed[1]};
    for (;;) {
        const bool up = nodes[root].key() < key;
        if (!up && !(key < nodes[root].key())) break;
        Id next = nodes[root].child[up];
        if (next == 0) break;
        const bool on = up ? nodes[next].key() < key : key < nodes[next].key();
        if (on) {
            nodes[root].child[up] = nodes[next].child[!up];
            nodes[next].child[!up] = root;
            root = next;
            next = nodes[root].child[up];
            if (next == 0) break;
        }
        *hangs[!up] = root;
        hangs[!up] = &nodes[root].child[up];
        root = next;
    }
    auto& child = nodes[root].child;
    *hangs[0] = child[0];
    *hangs[1] = child[1];
    child[0] = passed[0];
    child[1] = passed[1];
    return root;
}

// `node` is not in the tree, nor is its key.
template <class Nodes>
typename Nodes::Id splay_insert(Nodes& nodes, typename Nodes::Id root, typename Nodes::Id node) {
    root = splay(nodes, root, nodes[node].key());
    if (root == 0) return node;
    const bool up = nodes[root].key() < nodes[node].key();
    nodes[node].child[!up] = root;
    nodes[node].child[up] = nodes[root].child[up];
    nodes[root].child[up] = 0;
    return node;
}

// `node` is in the tree.
template <class Nodes>
typename Nodes::Id splay_erase(Nodes& nodes, typename Nodes::Id root, typename Nodes::Id node) {
    root = splay(nodes, root, nodes[node].key());
    const typename Nodes::Id greater = nodes[root].child[1];
    const typename Nodes::Id rest = splay(nodes, nodes[root].child[0], nodes[node].key());
    if (rest == 0) return greater;
    nodes[rest].child[1] = greater;
    return rest;
}

}  // namespace tern
