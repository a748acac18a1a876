// Line: a packet line of a script. A literal is parsed by the compiler, and a wrong one does not
// compile; line() parses at run time, for tables of cases.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

#include "core/wire/packet_line.hh"

namespace tern::script {

class Line {
public:
    template <std::size_t N>
    consteval Line(const char (&literal)[N],
                   std::source_location at = std::source_location::current())
        : fields_(wire::parse_line({literal, N - 1})), where_(at) {}

    const wire::PacketLine& fields() const { return fields_; }
    const std::source_location& where() const { return where_; }

private:
    friend Line line(std::string_view text, std::source_location at);
    Line(const wire::PacketLine& fields, std::source_location at) : fields_(fields), where_(at) {}

    wire::PacketLine fields_;
    std::source_location where_;
};

// Throws std::invalid_argument when `text` is no line.
inline Line line(std::string_view text, std::source_location at = std::source_location::current()) {
    return {wire::parse_line(text), at};
}

}  // namespace tern::script
