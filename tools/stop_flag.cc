#include "stop_flag.hh"

#include <atomic>
#include <csignal>

namespace tern::tools {

namespace {

std::atomic<bool> g_stopped = false;
void (*g_wake)(void*) = nullptr;  // set before g_waits, and stays
std::atomic<void*> g_waits = nullptr;

void on_signal(int) {
    g_stopped = true;
    if (void* waits = g_waits) g_wake(waits);
}

}  // namespace

StopFlag::StopFlag(void* waits, void (*wake)(void*)) {
    g_stopped = false;
    g_wake = wake;
    g_waits = waits;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

StopFlag::~StopFlag() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    g_waits = nullptr;
}

bool StopFlag::stopped() const { return g_stopped; }

}  // namespace tern::tools
