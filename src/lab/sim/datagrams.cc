// Numbered datagrams, each with a piece of the pattern that its number tells.
#include "core/base/endian.hh"
#include "lab/sim/pattern.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {

namespace {
constexpr u32 k_number = 8;  // bytes in front
}

struct Datagrams::Inside {
    World& world;
    Host& from;
    Host& to;
    DatagramOptions options;
    u32 sent = 0, received = 0;
    bool intact = true, begun = false;

    void send() {
        if (sent == options.count) return;
        std::vector<std::byte> bytes(options.size);
        store_big<u64>(bytes.data(), sent);
        const auto rest = pattern_at(sent, options.size - k_number);
        std::ranges::copy(rest, bytes.begin() + k_number);
        // The stack may refuse it: nobody promised that datagrams arrive.
        (void)from.send_datagram(options.port, {to.address(), options.port}, bytes);
        ++sent;
        from.after(options.interval, [this] { send(); });
    }
    void receive(std::span<const std::byte> bytes) {
        ++received;
        const bool whole = bytes.size() == options.size;
        intact = intact && whole && load_big<u64>(bytes.data()) < sent &&
                 is_pattern(load_big<u64>(bytes.data()), bytes.subspan(k_number));
    }
};

Datagrams::Datagrams(World& world, Host& from, Host& to, const DatagramOptions& options)
    : inside_(new Inside{.world = world, .from = from, .to = to, .options = options}) {
    if (options.size < k_number || options.size > k_pattern_chunk)
        throw std::invalid_argument("a datagram here has from 8 to 65536 bytes");
    Inside& in = *inside_;
    to.on_start([&in] {
        in.to.on_datagram(in.options.port,
                          [&in](const Datagram& d) { in.receive(d.data.bytes()); });
    });
    from.on_start([&in] {
        in.from.on_datagram(in.options.port, [](const Datagram&) {});
        const Duration wait = Instant{} + in.options.start - in.world.now();
        in.from.after(std::max(wait, Duration{}), [&in] { in.send(); });
    });
}

Datagrams::~Datagrams() = default;

u32 Datagrams::sent() const { return inside_->sent; }
u32 Datagrams::received() const { return inside_->received; }
bool Datagrams::intact() const { return inside_->intact; }

}  // namespace tern::sim
