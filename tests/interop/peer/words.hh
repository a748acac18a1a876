// One command as words: a verb, then values by position and by name ("send 3 bytes=100").
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/address.hh"
#include "tern/time.hh"

namespace tern::peer {

// A command that cannot be obeyed; its text is the answer.
struct Complaint {
    std::string text;
};

class Words {
public:
    explicit Words(std::string_view line);

    const std::string& verb() const { return verb_; }
    bool has(const std::string& name) const { return named_.contains(name); }
    std::string text(const std::string& name, std::string otherwise = "") const;
    u64 number(const std::string& name, u64 otherwise = 0) const;
    double real(const std::string& name, double otherwise = 0) const;
    bool yes(const std::string& name, bool otherwise = false) const;
    Duration milliseconds(const std::string& name, Duration otherwise) const;
    std::optional<Duration> milliseconds(const std::string& name) const;
    Endpoint endpoint(const std::string& name) const;  // must be there
    u32 first() const;                                 // the value behind the verb: an id

private:
    std::string verb_;
    std::vector<std::string> values_;
    std::map<std::string, std::string> named_;
};

u64 number_of(const std::string& text);
double real_of(const std::string& text);

}  // namespace tern::peer
