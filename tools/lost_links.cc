#include "lost_links.hh"

#include <cstdio>

#include <fmt/core.h>

#include "json.hh"

namespace tern::tools {

LostLinks::LostLinks(const Runtime& runtime, std::string command, bool json)
    : runtime_(runtime), command_(std::move(command)), json_(json), told_(runtime.link_count()) {}

void LostLinks::look() {
    for (std::size_t link = 0; link < told_.size(); ++link)
        if (runtime_.link_lost(link)) tell(link);
    if (const std::string why = why_none_is_left(); !why.empty())
        throw RuntimeError(Error::NoSuchInterface, why);
}

void LostLinks::tell(std::size_t link) {
    if (told_[link] || runtime_.all_links_lost()) return;
    told_[link] = true;
    const std::string why = runtime_.link_lost_text(link);
    fmt::print(stderr, "{}: {} The other links go on.\n", command_, why);
    if (json_)
        print_json(
            {{"event", "link_lost"}, {"link", runtime_.link_facts(link).name}, {"why", why}});
}

std::string LostLinks::why_none_is_left() const {
    if (!runtime_.all_links_lost()) return "";
    std::string all;
    for (std::size_t link = 0; link < told_.size(); ++link)
        all += (all.empty() ? "" : "; ") + runtime_.link_lost_text(link);
    return all;
}

}  // namespace tern::tools
