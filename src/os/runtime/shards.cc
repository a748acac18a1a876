// N runtimes, the rings between them, N - 1 threads.
#include "tern/shards.hh"

#include <exception>
#include <mutex>
#include <thread>

#include "os/runtime/clock.hh"
#include "os/runtime/open_link.hh"
#include "os/runtime/steered_link.hh"

namespace tern {

namespace {

// Those that bring no device of their own share what the first of them names.
void give_queues(std::vector<RuntimeConfig>& configs) {
    std::vector<RuntimeConfig*> without;
    for (RuntimeConfig& config : configs)
        if (!config.device) without.push_back(&config);
    if (without.empty()) return;
    auto queues = open_queues(*without[0], static_cast<u32>(without.size()));
    for (std::size_t i = 0; i < without.size(); ++i) without[i]->device = std::move(queues[i]);
}

}  // namespace

Shards::Shards(u32 count, const std::function<RuntimeConfig(u32)>& config_of) {
    if (count == 0) throw RuntimeError(Error::InvalidArgument, "at least one shard");
    steering_.shards = count;
    steering_.key = {entropy(), entropy()};
    auto exchange = std::make_shared<Exchange>(count);
    std::vector<RuntimeConfig> configs;
    for (u32 i = 0; i < count; ++i) configs.push_back(config_of(i));
    give_queues(configs);
    for (u32 i = 0; i < count; ++i) {
        RuntimeConfig& config = configs[i];
        steering_.own_port_first = config.limits.ephemeral_port_first;
        steering_.own_port_last = config.limits.ephemeral_port_last;
        config.steering = steering_;
        config.steering.shard = i;
        if (count > 1)
            config.device =
                std::make_unique<SteeredLink>(std::move(config.device), exchange, config.steering);
        runtimes_.push_back(std::make_unique<Runtime>(std::move(config)));
        Runtime& runtime = *runtimes_.back();
        exchange->set_waker(i, [&runtime] { runtime.wake(); });
        // The rings count as what the reader's stack owns.
        if (!runtime.stack().pool().budget().take(exchange->bytes_of(i)))
            throw RuntimeError(Error::OutOfMemory,
                               "memory_limit is too small for the shards' rings");
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
