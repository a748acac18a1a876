#include "stop_flag.hh"

#include <atomic>
#include <csignal>

namespace tern::tools {

namespace {

std::atomic<bool> g_stopped = false;
std::atomic<Runtime*> g_runtime = nullptr;

void on_signal(int) {
    g_stopped = true;
    if (Runtime* runtime = g_runtime) runtime->wake();
}

}  // namespace

StopFlag::StopFlag(Runtime& runtime) {
    g_stopped = false;
    g_runtime = &runtime;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

StopFlag::~StopFlag() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    g_runtime = nullptr;
}

bool StopFlag::stopped() const { return g_stopped; }

}  // namespace tern::tools
