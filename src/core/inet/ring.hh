// A short queue of fixed size: what does not fit replaces the oldest.
#pragma once

#include <array>
#include <optional>

#include "tern/int.hh"

namespace tern::inet {

template <class T, u32 N>
class Ring {
public:
    bool empty() const { return first_ == end_; }
    const T& front() const { return items_[first_ % N]; }
    void push(const T& value) {
        if (end_ - first_ == N) ++first_;
        items_[end_++ % N] = value;
    }
    std::optional<T> pop() {
        if (empty()) return {};
        return items_[first_++ % N];
    }

private:
    static_assert((N & (N - 1)) == 0);
    std::array<T, N> items_{};
    u32 first_ = 0, end_ = 0;
};

}  // namespace tern::inet
