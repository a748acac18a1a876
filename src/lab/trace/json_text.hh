// Just enough of RFC 8259 to write objects and arrays.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "tern/int.hh"

namespace tern::trace {

inline std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
            out += code;
        } else {
            out += c;
        }
    }
    return out + "\"";
}

class JsonObject {
public:
    JsonObject& add(std::string_view key, std::string_view value) {
        return raw(key, json_string(value));
    }
    JsonObject& add(std::string_view key, const char* value) {
        return add(key, std::string_view{value});
    }
    JsonObject& add(std::string_view key, u64 value) { return raw(key, std::to_string(value)); }
    JsonObject& add(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    JsonObject& raw(std::string_view key, std::string_view value) {
        if (!body_.empty()) body_ += ", ";
        body_ += json_string(key);
        body_ += ": ";
        body_ += value;
        return *this;
    }
    std::string text() const { return "{" + body_ + "}"; }

private:
    std::string body_;
};

}  // namespace tern::trace
