#include "peer/words.hh"

#include <charconv>
#include <sstream>

namespace tern::peer {

u64 number_of(const std::string& text) {
    u64 value = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || at != end) throw Complaint{"no number: " + text};
    return value;
}

double real_of(const std::string& text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || at != end) throw Complaint{"no number: " + text};
    return value;
}

Words::Words(std::string_view line) {
    std::istringstream words{std::string(line)};
    words >> verb_;
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            values_.push_back(word);
        else
            named_[word.substr(0, equals)] = word.substr(equals + 1);
    }
}

std::string Words::text(const std::string& name, std::string otherwise) const {
    const auto it = named_.find(name);
    return it == named_.end() ? otherwise : it->second;
}

u64 Words::number(const std::string& name, u64 otherwise) const {
    const auto it = named_.find(name);
    return it == named_.end() ? otherwise : number_of(it->second);
}

double Words::real(const std::string& name, double otherwise) const {
    const auto it = named_.find(name);
    return it == named_.end() ? otherwise : real_of(it->second);
}

bool Words::yes(const std::string& name, bool otherwise) const {
    return number(name, otherwise ? 1 : 0) != 0;
}

Duration Words::milliseconds(const std::string& name, Duration otherwise) const {
    return milliseconds(name).value_or(otherwise);
}

std::optional<Duration> Words::milliseconds(const std::string& name) const {
    if (!has(name)) return std::nullopt;
    return std::chrono::milliseconds(static_cast<i64>(number(name)));
}

Endpoint Words::endpoint(const std::string& name) const {
    const auto parsed = Endpoint::parse(text(name));
    if (!parsed) throw Complaint{verb_ + " needs " + name + "=ADDRESS:PORT"};
    return *parsed;
}

u32 Words::first() const {
    if (values_.empty()) throw Complaint{verb_ + " needs the number of what it acts on"};
    return static_cast<u32>(number_of(values_.front()));
}

}  // namespace tern::peer
