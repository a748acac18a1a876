// N runtimes, the rings between them, N - 1 threads.
#include "tern/shards.hh"

#include <exception>
#include <mutex>
#include <thread>

#include "os/runtime/clock.hh"
#include "os/runtime/links.hh"
#include "os/runtime/open_link.hh"
#include "os/runtime/steered_link.hh"

namespace tern {

namespace {

// Those that bring no device of their own share what the first of them names.
void give_queues(std::vector<RuntimeConfig>& configs, std::size_t link) {
    std::vector<LinkConfig*> without;
    for (RuntimeConfig& config : configs)
        if (!config.links[link].device) without.push_back(&config.links[link]);
    if (without.empty()) return;
    const u32 shards = static_cast<u32>(without.size());
    auto queues = open_queues(*without[0], configs[0].memory_limit, shards);
    for (std::size_t i = 0; i < without.size(); ++i) without[i]->device = std::move(queues[i]);
}

std::vector<RuntimeConfig> configs_of(u32 count,
                                      const std::function<RuntimeConfig(u32)>& config_of) {
    std::vector<RuntimeConfig> configs;
    for (u32 i = 0; i < count; ++i) {
        configs.push_back(config_of(i));
        configs[i].links = take_links(configs[i]);
        if (configs[i].links.size() != configs[0].links.size()) {
            throw RuntimeError(Error::InvalidArgument,
                               "shards: each must have the same links, in the same order");
        }
    }
    return configs;
}

}  // namespace

Shards::Shards(u32 count, const std::function<RuntimeConfig(u32)>& config_of) {
    if (count == 0) throw RuntimeError(Error::InvalidArgument, "at least one shard");
    steering_.shards = count;
    steering_.key = {entropy(), entropy()};
    std::vector<RuntimeConfig> configs = configs_of(count, config_of);
    // A frame that is handed over stays one of its link, so each link has rings of its own.
    std::vector<std::shared_ptr<Exchange>> exchanges;
    for (std::size_t link = 0; link < configs[0].links.size(); ++link) {
        give_queues(configs, link);
        exchanges.push_back(std::make_shared<Exchange>(count));
    }
    for (u32 i = 0; i < count; ++i) {
        RuntimeConfig& config = configs[i];
        steering_.own_port_first = config.limits.ephemeral_port_first;
        steering_.own_port_last = config.limits.ephemeral_port_last;
        config.steering = steering_;
        config.steering.shard = i;
        for (std::size_t link = 0; count > 1 && link < exchanges.size(); ++link) {
            std::unique_ptr<Link>& device = config.links[link].device;
            device =
                std::make_unique<SteeredLink>(std::move(device), exchanges[link], config.steering);
        }
        runtimes_.push_back(std::make_unique<Runtime>(std::move(config)));
        Runtime& runtime = *runtimes_.back();
        for (const auto& exchange : exchanges) {
            exchange->set_waker(i, [&runtime] { runtime.wake(); });
            // The rings count as what the reader's stack owns.
            if (!runtime.stack().pool().budget().take(exchange->bytes_of(i)))
                throw RuntimeError(Error::OutOfMemory,
                                   "memory_limit is too small for the shards' rings");
        }
    }
}

Shards::~Shards() = default;

void Shards::wake() {
    for (auto& runtime : runtimes_) runtime->wake();
}

void Shards::run(const std::function<void(u32, Runtime&)>& body) {
    std::mutex mutex;
    std::exception_ptr first;
    const auto carry = [&](u32 i) {
        try {
            body(i, *runtimes_[i]);
        } catch (...) {
            const std::scoped_lock lock(mutex);
            if (!first) first = std::current_exception();
        }
        wake();
    };
    {
        std::vector<std::jthread> threads;
        for (u32 i = 1; i < count(); ++i) threads.emplace_back(carry, i);
        carry(0);
    }
    if (first) std::rethrow_exception(first);
}

}  // namespace tern
