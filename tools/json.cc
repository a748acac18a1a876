#include "json.hh"

#include <cmath>
#include <cstdio>

namespace tern::tools {

std::string json_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print_json(const Json& json) {
    std::fputs((json_text(json) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

double rounded(double value, int decimals) {
    const double unit = std::pow(10, decimals);
    return std::round(value * unit) / unit;
}

}  // namespace tern::tools
