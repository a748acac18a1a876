// From a configuration in text to a shard with its links, their addresses and routes.
#include "tern/runtime.hh"

#include <algorithm>

#include "os/link/impairment.hh"
#include "os/runtime/clock.hh"
#include "os/runtime/links.hh"
#include "os/runtime/open_link.hh"
#include "os/runtime/shard.hh"

namespace tern {

namespace {

[[noreturn]] void fail(Error code, const std::string& message) {
    throw RuntimeError(code, message);
}

std::unique_ptr<Link> device_of(LinkConfig& config, u64 memory) {
    if (config.device) return std::move(config.device);
    return std::move(open_queues(config, memory, 1).front());
}

ImpairOptions impair_options(const LinkConfig& config) {
    const Impairment outbound = config.outbound.value_or(Impairment{});
    const Impairment inbound = config.inbound.value_or(Impairment{});
    const Duration round_trip = outbound.delay + inbound.delay;
    return {.outbound = direction_of(outbound, round_trip),
            .inbound = direction_of(inbound, round_trip),
            .seed = config.impair_seed};
}

std::string reason(Error error) { return std::string{message_of(error)}; }

void add_addresses(Stack& stack, Interface interface, const LinkConfig& config) {
    for (const std::string& text : config.addresses) {
        const auto cidr = Cidr::parse(text);
        // Without its prefix nobody would be on-link, which is hardly what was meant.
        if (!cidr || !text.contains('/')) {
            fail(Error::InvalidAddress,
                 "address \"" + text + "\": write an address with its prefix, as in 10.0.0.2/24");
        }
        const auto added = stack.add_address(interface, *cidr, config.probe);
        if (added) continue;
        if (added.error() == Error::AlreadyExists) {
            fail(Error::InvalidAddress,
                 "address " + text + ": it was given before, and an address belongs to one link");
        }
        fail(added.error(), "address " + text + ": " + reason(added.error()));
    }
}

void add_prefixes(Stack& stack, Interface interface, const LinkConfig& config) {
    for (const std::string& text : config.prefixes) {
        const auto prefix = Cidr::parse(text);
        const auto added = prefix ? stack.add_prefix(interface, *prefix)
                                  : Result<void>{std::unexpected(Error::InvalidAddress)};
        if (added) continue;
        fail(added.error(), "prefix \"" + text + "\": " + reason(added.error()) +
                                "; write a network that no other prefix overlaps, as in "
                                "10.9.0.0/16");
    }
}

// Is there a network of ours, or a route without a gateway, that this next hop lies in?
bool on_link(const LinkConfig& config, const IpAddress& hop) {
    const auto holds = [&](const std::string& text) {
        const auto network = Cidr::parse(text);  // nothing for a route that has a gateway
        return network && network->contains(hop);
    };
    return std::ranges::any_of(config.addresses, holds) ||
           std::ranges::any_of(config.routes, holds);
}

void check_next_hop(const LinkConfig& config, const std::string& what, const IpAddress& hop) {
    if (on_link(config, hop)) return;
    fail(Error::InvalidAddress, what + ": " + hop.to_string() +
                                    " must lie in the network of one of our addresses, as "
                                    "10.0.0.1 does in that of 10.0.0.2/24");
}

void add_route(Stack& stack, Interface interface, const LinkConfig& config,
               const std::string& text) {
    const std::size_t via = text.find(" via ");
    const auto destination = Cidr::parse(text.substr(0, via));
    std::optional<IpAddress> gateway;
    if (via != text.npos) {
        gateway = IpAddress::parse(text.substr(via + 5));
        if (!gateway) {
            fail(Error::InvalidAddress, "route \"" + text +
                                            "\": write the address of a router after via, as in "
                                            "\"10.1.0.0/16 via 10.0.0.9\"");
        }
        check_next_hop(config, "route \"" + text + "\"", *gateway);
    }
    if (!destination) {
        fail(Error::InvalidAddress,
             "route \"" + text + "\": write a network, as in \"10.1.0.0/16 via 10.0.0.9\"");
    }
    if (auto added = stack.add_route(*destination, interface, gateway); !added) {
        fail(added.error(), "route " + text + ": " + reason(added.error()));
    }
}

void add_routes(Stack& stack, Interface interface, const LinkConfig& config) {
    for (const std::string& text : config.routes) add_route(stack, interface, config, text);
    if (config.gateway.empty()) return;
    const auto gateway = IpAddress::parse(config.gateway);
    if (!gateway) {
        fail(Error::InvalidAddress,
             "gateway \"" + config.gateway + "\": write an address, as in --gateway 10.0.0.1");
    }
    check_next_hop(config, "gateway", *gateway);
    if (auto added = stack.add_route(Cidr{Ipv4Address::unspecified(), 0}, interface, gateway);
        !added) {
        fail(added.error(), "gateway " + config.gateway + ": " + reason(added.error()));
    }
}

StackConfig stack_config(const RuntimeConfig& config) {
    StackConfig result;
    result.seed = config.seed != 0 ? config.seed : entropy();
    result.memory_limit = config.memory_limit;
    result.observer = config.observer;
    result.limits = config.limits;
    result.steering = config.steering;
    return result;
}

// Of several links a message must say which it is about; some do already.
[[noreturn]] void fail_naming(const RuntimeError& error, const std::string& link) {
    const std::string what = error.what();
    fail(error.code(), what.find(link) == std::string::npos ? link + ": " + what : what);
}

}  // namespace

struct Runtime::Inside {
    explicit Inside(RuntimeConfig& config)
        : shard(stack_config(config), config.wait, config.spin) {}
    void add(LinkConfig& config, std::unique_ptr<Link> device);

    Shard shard;
};

void Runtime::Inside::add(LinkConfig& config, std::unique_ptr<Link> device) {
    Stack& stack = shard.stack();
    const ImpairOptions impair = impair_options(config);
    const bool impaired = config.outbound || config.inbound;
    if (!stack.pool().budget().take(device->facts().memory)) {
        fail(Error::OutOfMemory, "link " + device->facts().name + ": memory_limit is too small");
    }
    const Interface i = shard.add_link(std::move(device), impaired ? &impair : nullptr);
    add_addresses(stack, i, config);
    add_prefixes(stack, i, config);
    add_routes(stack, i, config);
}

Runtime::Runtime(RuntimeConfig config) {
    std::vector<LinkConfig> links = take_links(config);
    // All devices before any packet can leave.
    std::vector<std::unique_ptr<Link>> devices;
    devices.reserve(links.size());
    for (LinkConfig& link : links) devices.push_back(device_of(link, config.memory_limit));
    inside_ = std::make_unique<Inside>(config);
    stack().advance(steady_now());  // so that what happens before the first turn has its time
    for (std::size_t i = 0; i < links.size(); ++i) {
        const std::string name = devices[i]->facts().name;
        try {
            inside_->add(links[i], std::move(devices[i]));
        } catch (const RuntimeError& error) {
            if (links.size() == 1) throw;
            fail_naming(error, name);
        }
    }
}

Runtime::~Runtime() = default;
Runtime::Runtime(Runtime&&) noexcept = default;

Stack& Runtime::stack() { return inside_->shard.stack(); }
std::size_t Runtime::link_count() const { return inside_->shard.link_count(); }
Interface Runtime::interface(std::size_t link) const { return inside_->shard.interface(link); }
const LinkFacts& Runtime::link_facts(std::size_t link) const {
    return inside_->shard.link(link).facts();
}
LinkCounters Runtime::link_counters(std::size_t link) const {
    return inside_->shard.link(link).counters();
}
bool Runtime::link_lost(std::size_t link) const { return inside_->shard.link_lost(link); }
bool Runtime::all_links_lost() const {
    for (std::size_t i = 0; i < link_count(); ++i)
        if (!link_lost(i)) return false;
    return true;
}
std::string Runtime::link_lost_text(std::size_t link) const {
    return device_gone(link_facts(link).name);
}
Wait Runtime::wait() const { return inside_->shard.wait(); }
Instant Runtime::now() const { return steady_now(); }
bool Runtime::run_once(Duration max_wait, EventSink& sink) {
    return inside_->shard.run_once(max_wait, sink);
}
int Runtime::fd() const { return inside_->shard.fd(); }
bool Runtime::turn(EventSink& sink) { return inside_->shard.turn(sink); }
bool Runtime::busy() const { return inside_->shard.busy(); }
void Runtime::wake_at(Instant when) { inside_->shard.wake_at(when); }
void Runtime::wake() { inside_->shard.wake(); }

}  // namespace tern
