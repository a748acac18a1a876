// Ctrl-C for commands without an io_context: ends the wait of a runtime, or of a wire.
#pragma once

namespace tern::tools {

class StopFlag {
public:
    // `waits` has a wake() that a signal handler may call.
    template <class Waits>
    explicit StopFlag(Waits& waits)
        : StopFlag(&waits, [](void* w) { static_cast<Waits*>(w)->wake(); }) {}
    ~StopFlag();
    StopFlag(const StopFlag&) = delete;
    StopFlag& operator=(const StopFlag&) = delete;
    bool stopped() const;

private:
    StopFlag(void* waits, void (*wake)(void*));
};

}  // namespace tern::tools
