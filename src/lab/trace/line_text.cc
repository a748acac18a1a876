// The printer is core/wire's; this file only chooses what it prints.
#include "lab/trace/line_text.hh"

namespace tern::trace {

std::string line_text(const FrameView& view, Numbers& numbers) {
    if (view.kind != FrameView::Kind::Tcp) return describe(view);
    return wire::print_line(numbers.line_of(view));
}

std::string segment_text(wire::PacketLine line) {
    line.has_direction = false;
    line.has_time = false;
    line.has_options = false;
    return wire::print_line(line);
}

std::string options_text(const wire::PacketLine& line) {
    if (!line.has_options) return {};
    wire::PacketLine only = line;
    only.has_direction = false;
    only.has_time = false;
    const std::string text = wire::print_line(only);
    const std::size_t at = text.find('<');
    return at == std::string::npos ? std::string{} : text.substr(at);
}

std::string flags_text(u16 flags) {
    wire::PacketLine line;
    line.flags = flags;
    const std::string text = wire::print_line(line);
    return text.substr(0, text.find(' '));
}

}  // namespace tern::trace
