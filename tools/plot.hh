// Lines over time as an SVG file, for people: axes with round numbers and units, a legend.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tern::tools {

struct PlotLine {
    std::string name;
    std::vector<std::pair<double, double>> points;  // seconds, and a value in the plot's unit
};

struct Plot {
    std::string title;
    std::string unit;  // "Mbit/s"
    std::vector<PlotLine> lines{};
};

std::string svg_of(const Plot& plot);

}  // namespace tern::tools
