// Links whose device is gone: told once each, and fatal when none is left.
#pragma once

#include <string>
#include <vector>

#include "tern/runtime.hh"

namespace tern::tools {

class LostLinks {
public:
    // `command` is for the messages: "tern ping".
    LostLinks(const Runtime& runtime, std::string command, bool json);

    // For commands without an io_context, after each turn. Throws RuntimeError when no link is
    // left.
    void look();
    // Says that `link` is lost and the others go on; nothing, if there is no other.
    void tell(std::size_t link);
    // Why no link is left; "": one is.
    std::string why_none_is_left() const;

private:
    const Runtime& runtime_;
    std::string command_;
    bool json_;
    std::vector<bool> told_;
};

}  // namespace tern::tools
