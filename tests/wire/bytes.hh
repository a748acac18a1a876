// Bytes for tests: from hexadecimal text, in buffers that end where they end.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tern/int.hh"

namespace tern::test {

using Bytes = std::vector<std::byte>;

// "45 00 0073"; spaces do not count.
inline Bytes hex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
    Bytes bytes;
    int high = -1;
    for (const char c : text) {
        if (c == ' ') continue;
        if (high < 0) {
            high = digit(c);
            continue;
        }
        bytes.push_back(static_cast<std::byte>(high << 4 | digit(c)));
        high = -1;
    }
    return bytes;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline Bytes first(const Bytes& bytes, std::size_t n) {
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)};
}

// A copy that starts `offset` bytes behind an 8-byte boundary and ends at the end of its memory,
// so that ASan sees one byte too many.
class Placed {
public:
    explicit Placed(const Bytes& bytes, std::size_t offset = 0)
        : memory_(new std::byte[bytes.size() + offset]), offset_(offset), size_(bytes.size()) {
        if (size_ > 0) std::memcpy(memory_.get() + offset, bytes.data(), size_);
    }
    operator std::span<const std::byte>() const { return {memory_.get() + offset_, size_}; }

private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t offset_;
    std::size_t size_;
};

}  // namespace tern::test
