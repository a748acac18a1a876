// What bounds S1 to S3: the copies and checksums of `bulk` alone, over as many buffers, without a
// stack. --link frames: copied and summed into buffers of a frame each, summed there, copied out;
// checksum: copied twice; super: the same with buffers of a super-segment.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/checksum.hh"
#include "options.hh"

namespace tern::bench {

namespace {

constexpr u32 k_segment = 1448, k_frame_buffer = 2048;
constexpr u32 k_super_segment = 45 * k_segment, k_super_buffer = 68'096;
constexpr u32 k_headers = 192;  // in front of the text

class Copies {
public:
    explicit Copies(const Options& options)
        : link_(options.link), size_(link_ == Offload::Super ? k_super_segment : k_segment),
          distance_(link_ == Offload::Super ? k_super_buffer : k_frame_buffer),
          count_(options.buffer / size_ + 1), from_(size_ * count_, std::byte{5}),
          buffers_(std::size_t{distance_} * count_), to_(size_ * count_) {}

    u64 round() {
        const bool sums = link_ == Offload::Frames;
        u32 sum = 0;
        for (u32 i = 0; i < count_; ++i) {
            const std::span text{&from_[std::size_t{size_} * i], size_};
            if (sums)
                sum ^= checksum_copy(buffer(i), text);
            else
                std::memcpy(buffer(i), text.data(), size_);
        }
        for (u32 i = 0; sums && i < count_; ++i) sum ^= checksum_add(0, {buffer(i), size_});
        for (u32 i = 0; i < count_; ++i)
            std::memcpy(&to_[std::size_t{size_} * i], buffer(i), size_);
        require(sum == 0, "the sums do not agree");
        return u64{size_} * count_;
    }

private:
    std::byte* buffer(u32 i) { return &buffers_[std::size_t{distance_} * i + k_headers]; }

    Offload link_;
    u32 size_, distance_, count_;
    std::vector<std::byte> from_, buffers_, to_;
};

void run(const Options& options) {
    Copies copies(options);
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;) copies.round();
    u64 bytes = 0;
    const Stopwatch watch;
    while (watch.seconds() < options.seconds)
        for (int i = 0; i < 16; ++i) bytes += copies.round();
    const double elapsed = watch.seconds();
    const double gbit = static_cast<double>(bytes) * 8 / elapsed / 1e9;
    const double ns = elapsed * 1e9 / (static_cast<double>(bytes) / k_segment);
    std::printf(options.json ? "{\"peer\":\"limit\",\"bench\":\"limit\",\"gbit_per_s\":%.3f,"
                               "\"ns_per_frame\":%.1f}\n"
                             : "copies and checksums alone: %.3f Gbit/s, %.1f ns per 1,448 bytes\n",
                gbit, ns);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "limit"));
    return 0;
}
