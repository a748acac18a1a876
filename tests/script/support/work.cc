// Called by each basic block of what is compiled with -fsanitize-coverage=trace-pc.
#include "support/work.hh"

namespace {
tern::u64 g_blocks = 0;
}  // namespace

extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { ++g_blocks; }

tern::u64 tern::script::work_done() { return g_blocks; }
