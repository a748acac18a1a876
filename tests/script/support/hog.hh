// All memory that packets may have, taken from a stack.
#pragma once

#include <vector>

#include "lab/script/on_gtest.hh"

namespace tern::script {

// Takes all that the pool still gives: slots and descriptors.
class Hog {
public:
    explicit Hog(Script& t) {
        while (Packet p = t.pool().allocate(1000)) taken_.push_back(std::move(p));
        while (Packet p = taken_.back().share()) taken_.push_back(std::move(p));
    }
    void let_go() { taken_.clear(); }

private:
    std::vector<Packet> taken_;
};

}  // namespace tern::script
