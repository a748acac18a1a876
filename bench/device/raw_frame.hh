// A frame for bare system calls: 64 KiB behind a virtio-net header, or 1,514 bytes alone.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace tern::bench {

// To `mac`, from 10.9.0.2 to 10.9.0.1: an acknowledgement with data for a port nobody has.
std::vector<std::byte> raw_frame(bool offloads, const std::array<unsigned char, 6>& mac);

}  // namespace tern::bench
