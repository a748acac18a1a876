// All JSON that the command writes goes through here: whatever a peer sent, it stays valid.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace tern::tools {

using Json = nlohmann::ordered_json;  // keys stay in the order in which they came

// On one line. Bytes that are no UTF-8 become U+FFFD; a number that is none, null.
std::string json_text(const Json& json);
// A line on standard output, there at once.
void print_json(const Json& json);
// So many decimals, for figures that have no more.
double rounded(double value, int decimals);

}  // namespace tern::tools
