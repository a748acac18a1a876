// The whole of the component core: a stack without any I/O, its event log and what reads it. The
// other components have headers of their own: runtime.hh and shards.hh (os), asio.hh (asio), sim.hh
// with sim_flow.hh and sim_judge.hh (sim).
#pragma once

#include "tern/address.hh"
#include "tern/congestion.hh"
#include "tern/counter_report.hh"
#include "tern/drop_reason.hh"
#include "tern/fanout.hh"
#include "tern/histogram.hh"
#include "tern/int.hh"
#include "tern/ladder.hh"
#include "tern/limits.hh"
#include "tern/link.hh"
#include "tern/medium.hh"
#include "tern/packet_batch.hh"
#include "tern/pcapng.hh"
#include "tern/result.hh"
#include "tern/slice.hh"
#include "tern/stack.hh"
#include "tern/steering.hh"
#include "tern/tcp.hh"
#include "tern/time.hh"
#include "tern/trace.hh"
#include "tern/udp.hh"
#include "tern/version.hh"
