// --link, and the options that belong to a link. There may be several links: then an option is
// that of the --link in front of it.
#pragma once

#include <CLI/CLI.hpp>

#include <set>
#include <string>
#include <vector>

#include "tern/runtime.hh"

namespace tern::tools {

struct LinkOptions {
    std::string link = "tap:tern0";
    std::vector<std::string> addresses;
    std::vector<std::string> prefixes;
    std::string gateway;
    std::vector<std::string> routes;
    u32 mtu = 1500;
    u16 vlan = 0;
    std::string name_space;
    std::string impair_in, impair_out;
    bool no_offloads = false;

    // Is the address one of this link's?
    bool has(const IpAddress& address) const;
};

class LinkList {
public:
    // The list has to stay where it is until the command line was read.
    void add_to(CLI::App& app);
    // One link at least, also when no --link was given. Throws RuntimeError: several, and one of
    // them has no address.
    std::vector<LinkOptions> links() const;
    // What a runtime makes of them. `seed` (0: none) repeats the chance of the bad networks, which
    // is another for each link. Throws RuntimeError.
    std::vector<LinkConfig> configs(u64 seed) const;

private:
    template <class T, class Set>
    CLI::Option* add(CLI::App& app, const std::string& name, Set set, const std::string& help,
                     bool may_repeat = false);
    void begin_link(const std::string& text);
    LinkOptions& current(const std::string& option, bool may_repeat);

    std::vector<LinkOptions> links_{1};
    bool named_ = false;           // --link was there
    std::string early_;            // an option in front of the first --link
    std::set<std::string> given_;  // options of the current link that may come once
};

}  // namespace tern::tools
