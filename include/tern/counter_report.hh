// A stack's counters, for people and for programs. What is zero is left out of the table, and a
// drop is told with the sentence of its reason.
#pragma once

#include <string>

#include "tern/export.hh"
#include "tern/stack.hh"

namespace tern TERN_API {

// Lines with a name, a number and for drops a sentence.
std::string counter_table(const Counters& counters);
// One object; "drops" holds those that are not zero, by name.
std::string counter_json(const Counters& counters);

}  // namespace tern
