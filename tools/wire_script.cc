#include "wire_script.hh"

#include <fmt/core.h>

namespace tern::tools {

namespace {

constexpr std::string_view k_gaps = " \t\r,";

struct Trouble {
    std::size_t column;
    std::string expected;
};

// The words of a line, one at a time, with the column of each.
class Words {
public:
    explicit Words(std::string_view line) : line_(line.substr(0, line.find('#'))) { next(); }
    bool over() const { return word_.empty(); }
    std::string_view word() const { return word_; }
    std::size_t column() const { return begin_ + 1; }
    void next() {
        begin_ = std::min(line_.find_first_not_of(k_gaps, end_), line_.size());
        end_ = std::min(line_.find_first_of(k_gaps, begin_), line_.size());
        word_ = line_.substr(begin_, end_ - begin_);
    }
    Trouble trouble(std::string_view expected) const {
        return {column(), over() ? fmt::format("the line ends: {}", expected)
                                 : fmt::format("\"{}\": {}", word_, expected)};
    }

private:
    std::string_view line_, word_;
    std::size_t begin_ = 0, end_ = 0;
};

std::expected<void, Trouble> read_settings(Words& words, WireSettings& settings) {
    const bool forth = words.word() != "b-to-a";
    const bool back = words.word() != "a-to-b";
    if (!forth || !back) words.next();
    if (words.over()) return std::unexpected(words.trouble("write what changes, as in loss=5%"));
    for (; !words.over(); words.next()) {
        for (Impairment* i :
             {forth ? &settings.a_to_b : nullptr, back ? &settings.b_to_a : nullptr}) {
            if (i == nullptr) continue;
            if (auto set = i->set(words.word()); !set) {
                return std::unexpected(words.trouble(set.error()));
            }
        }
    }
    for (const Impairment* i : {&settings.a_to_b, &settings.b_to_a}) {
        if (const std::string wrong = i->conflict(); !wrong.empty()) {
            return std::unexpected(Trouble{1, wrong});
        }
    }
    return {};
}

std::expected<WireChange, Trouble> read_line(Words& words, const WireChange& before) {
    const auto at = parse_duration(words.word());
    if (!at) return std::unexpected(words.trouble("begin with a time since the start, as in 10s"));
    if (*at < before.at) {
        return std::unexpected(
            words.trouble("the line before is later: put them in order of time"));
    }
    WireChange change{.at = *at, .settings = before.settings};
    words.next();
    if (auto read = read_settings(words, change.settings); !read) {
        return std::unexpected(read.error());
    }
    return change;
}

}  // namespace

std::expected<std::vector<WireChange>, std::string> parse_wire_script(std::string_view text,
                                                                      std::string_view name,
                                                                      const WireSettings& start) {
    std::vector<WireChange> changes;
    WireChange last{.at = {}, .settings = start};
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        Words words{text.substr(0, end)};
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.over()) continue;
        auto change = read_line(words, last);
        if (!change) {
            return std::unexpected(fmt::format("{}:{}:{}: {}", name, number, change.error().column,
                                               change.error().expected));
        }
        last = *change;
        changes.push_back(std::move(*change));
    }
    return changes;
}

}  // namespace tern::tools
