// How much the stack does, without a clock: basic blocks of recovery/ and of arrives/reassembly.cc
// that have run. The same on every machine of one compiler; compare sizes, not numbers.
#pragma once

#include "tern/int.hh"

namespace tern::script {

u64 work_done();

// Blocks that `body` cost.
template <class Body>
u64 work_of(Body body) {
    const u64 before = work_done();
    body();
    return work_done() - before;
}

}  // namespace tern::script
