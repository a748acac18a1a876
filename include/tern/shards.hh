// Shards: one host on several cores. Each shard is a Runtime with a thread, a Stack, a pool and a
// queue of the device of its own; they share addresses and nothing that a packet touches.
//   Shards shards{2, [](u32) {
//       return RuntimeConfig{.link = "tap:tern0", .addresses = {"10.0.0.2/24"}};
//   }};
//   shards.run([&](u32 shard, Runtime& runtime) { listen; run_once() until it is over; });
// A TCP flow is at home in one shard by a keyed hash. Listen on every shard: each accepts what is
// at home with it. connect() chooses a local port that is at home where it is called. A UDP port of
// Limits' ephemeral range belongs to one shard; other UDP ports are opened on every shard.
// ARP requests, echo and what has no flow are the first shard's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tern/export.hh"
#include "tern/runtime.hh"
#include "tern/steering.hh"

namespace tern TERN_API {

// Makes all runtimes at once; run() gives them their threads.
class Shards {
public:
    // `config_of(i)` gives the configuration of shard i; all with the same links, addresses and
    // ephemeral ports. Each link gives every shard a queue; the links may be of different kinds.
    // With `device` each brings its own queue, else they share a device as the first names it: one
    // more queue of "tap:NAME" for each; of "xdp:NAME" every count-th receive queue from the i-th
    // on, of which there must be as many as shards; of "xdp:NAME:QUEUE" the one at QUEUE + i.
    // `steering` of the configuration is set here. Throws RuntimeError.
    Shards(u32 count, const std::function<RuntimeConfig(u32)>& config_of);
    ~Shards();
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    u32 count() const { return static_cast<u32>(runtimes_.size()); }  // shards
    // From the thread of shard `i`, or while no run() is under way.
    Runtime& operator[](u32 i) { return *runtimes_[i]; }
    const Steering& steering() const { return steering_; }  // shard: 0

    // Calls `body` once for each shard, the first on this thread and each other on its own, and
    // returns when all have returned. What a body throws is thrown again here, after wake().
    void run(const std::function<void(u32, Runtime&)>& body);
    // Ends every shard's wait, so that its body sees what has changed. From any thread.
    void wake();

private:
    Steering steering_;
    std::vector<std::unique_ptr<Runtime>> runtimes_;
};

}  // namespace tern
