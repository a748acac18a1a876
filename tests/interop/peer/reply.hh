// One line of JSON.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "tern/int.hh"

namespace tern::peer {

class Reply {
public:
    Reply& set(std::string_view name, std::string_view value) {
        key(name);
        quote(value);
        return *this;
    }
    Reply& set(std::string_view name, const char* value) {
        return set(name, std::string_view(value));
    }
    template <std::integral T>
    Reply& set(std::string_view name, T value) {
        key(name);
        if constexpr (std::same_as<T, bool>)
            text_ += value ? "true" : "false";
        else
            text_ += std::to_string(value);
        return *this;
    }
    Reply& set(std::string_view name, const Reply& inner) {
        key(name);
        text_ += inner.text();
        return *this;
    }
    std::string text() const { return "{" + text_ + "}"; }

private:
    void key(std::string_view name) {
        if (!text_.empty()) text_ += ", ";
        quote(name);
        text_ += ": ";
    }
    // Bytes above 0x7e and controls become \u00xx: Latin-1, so that any byte survives.
    void quote(std::string_view value) {
        constexpr char k_hex[] = "0123456789abcdef";
        text_ += '"';
        for (const char c : value) {
            const auto byte = static_cast<u8>(c);
            if (c == '"' || c == '\\') {
                text_ += '\\';
                text_ += c;
            } else if (byte < 0x20 || byte > 0x7e) {
                text_ += "\\u00";
                text_ += k_hex[byte >> 4];
                text_ += k_hex[byte & 15];
            } else {
                text_ += c;
            }
        }
        text_ += '"';
    }
    std::string text_;
};

}  // namespace tern::peer
