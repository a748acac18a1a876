#include "plot.hh"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "text.hh"

namespace tern::tools {

namespace {

constexpr double k_width = 800, k_left = 80, k_right = 20, k_top = 40, k_height = 300;
constexpr double k_row = 18;  // of the legend
// Told apart by most eyes (Okabe and Ito, 2008).
constexpr std::array<const char*, 7> k_colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                  "#e69f00", "#56b4e9", "#000000"};

// 1, 2 or 5 times a power of ten, so that about six of them span the axis.
double step_for(double span) {
    const double rough = span / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= rough) return factor * power;
    return 10 * power;
}

struct Axis {
    double step, end;
    explicit Axis(double most) {
        step = step_for(most > 0 ? most : 1);
        end = std::max(1.0, std::ceil(most / step - 1e-9)) * step;
    }
    int digits() const { return step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step))); }
};

struct Frame {
    Axis x, y;
    double px(double seconds) const {
        return k_left + seconds / x.end * (k_width - k_left - k_right);
    }
    double py(double value) const { return k_top + k_height * (1 - value / y.end); }
};

std::string text(double x, double y, const char* anchor, std::string_view words) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
                       anchor, html_escape(words));
}

std::string grid(const Frame& f) {
    std::string out;
    for (int i = 0; i * f.x.step <= f.x.end * 1.0001; ++i) {
        const double x = f.px(i * f.x.step);
        out += fmt::format(
            "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" "
            "y2=\"{2}\"/>\n",
            x, k_top, k_top + k_height);
        out += text(x, k_top + k_height + 18, "middle",
                    fmt::format("{:.{}f}", i * f.x.step, f.x.digits()));
    }
    for (int i = 0; i * f.y.step <= f.y.end * 1.0001; ++i) {
        const double y = f.py(i * f.y.step);
        out += fmt::format(
            "<line class=\"grid\" x1=\"{1}\" y1=\"{0:.1f}\" x2=\"{2}\" "
            "y2=\"{0:.1f}\"/>\n",
            y, k_left, k_width - k_right);
        out += text(k_left - 8, y + 4, "end", fmt::format("{:.{}f}", i * f.y.step, f.y.digits()));
    }
    return out;
}

}  // namespace

std::string svg_of(const Plot& plot) {
    double last = 0, most = 0;
    for (const PlotLine& line : plot.lines)
        for (const auto& [x, y] : line.points) {
            last = std::max(last, x);
            most = std::max(most, y);
        }
    const Frame frame{Axis(last), Axis(most)};
    const double axis_name = k_top + k_height + 38;
    const double bottom = axis_name + k_row * static_cast<double>(plot.lines.size()) + 12;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\">\n<style>text{{font:12px sans-serif;fill:#222}}"
        ".grid{{stroke:#ddd}}polyline{{fill:none;stroke-width:1.5}}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        k_width, bottom);
    out += text(k_left, 22, "start", fmt::format("{} ({})", plot.title, plot.unit));
    out += grid(frame);
    out += text((k_left + k_width - k_right) / 2, axis_name, "middle", "time (s)");
    for (std::size_t i = 0; i < plot.lines.size(); ++i) {
        const char* colour = k_colours[i % k_colours.size()];
        out += fmt::format("<polyline stroke=\"{}\" points=\"", colour);
        for (const auto& [x, y] : plot.lines[i].points)
            out += fmt::format("{:.1f},{:.1f} ", frame.px(x), frame.py(y));
        const double row = axis_name + k_row * static_cast<double>(i + 1);
        out +=
            fmt::format("\"/>\n<rect x=\"{}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{}\"/>\n",
                        k_left, row - 6, colour);
        out += text(k_left + 22, row, "start", plot.lines[i].name);
    }
    return out + "</svg>\n";
}

}  // namespace tern::tools
