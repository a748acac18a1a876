// One function for each subcommand: it registers options and, as callback, the command itself.
// A callback ends with `throw CLI::RuntimeError(code)` when its exit code is not 0.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <string>
#include <system_error>

namespace tern::tools {

void add_serve(CLI::App& app);
void add_get(CLI::App& app);
void add_ping(CLI::App& app);
void add_udp(CLI::App& app);
void add_demo(CLI::App& app);
void add_wire(CLI::App& app);
void add_sim(CLI::App& app);
void add_chaos(CLI::App& app);

// For numbers of 64 bits: one that does not fit is an error, and not the largest that does.
inline CLI::Validator whole_number() {
    return {[](const std::string& text) -> std::string {
                unsigned long long number = 0;
                const char* const end = text.data() + text.size();
                const auto [stop, error] = std::from_chars(text.data(), end, number);
                if (error == std::errc{} && stop == end) return {};
                return "\"" + text + "\": write a whole number from 0 to 18446744073709551615";
            },
            "NUMBER"};
}

}  // namespace tern::tools
