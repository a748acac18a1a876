// Whoever fills in some fields of an option struct is not warned about the others, whatever flags
// the program is built with: this file is built with -Wextra -Werror, as a program of a user might
// be. A field without an initializer of its own ends the build here.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tern/asio.hh"
#include "tern/impaired_wire.hh"
#include "tern/ladder.hh"
#include "tern/pcapng.hh"
#include "tern/shards.hh"
#include "tern/sim.hh"
#include "tern/sim_flow.hh"

namespace tern {
namespace {

TEST(Options, AnyFieldMayBeGivenAlone) {
    EXPECT_EQ((UdpOptions{.local = {.port = 7}}.local.port), 7);
    EXPECT_EQ((UdpOptions{.ttl = 3}.ttl), 3);
    EXPECT_EQ((TcpOptions{.no_delay = true}.no_delay), true);
    EXPECT_EQ((ListenOptions{.local = {.port = 80}}.local.port), 80);
    EXPECT_EQ((ListenOptions{.backlog = 5}.backlog), 5u);
    EXPECT_EQ((ConnectOptions{.options = {.no_delay = true}}.options.no_delay), true);
    EXPECT_EQ((Limits{.tcp_pacing = false}.tcp_pacing), false);
    EXPECT_EQ((StackConfig{.seed = 1}.seed), 1u);
    EXPECT_EQ((InterfaceConfig{.name = "a"}.name), "a");
    EXPECT_EQ((InterfaceConfig{.mtu = 576}.mtu), 576u);
    EXPECT_EQ((RuntimeConfig{.link = "tap:a"}.link), "tap:a");
    EXPECT_EQ((RuntimeConfig{.seed = 1}.seed), 1u);
    EXPECT_EQ((LinkConfig{.link = "tap:a"}.link), "tap:a");
    EXPECT_EQ((LinkConfig{.mtu = 576}.mtu), 576u);
    EXPECT_EQ((WireOptions{.mtu = 576}.mtu), 576u);
    EXPECT_EQ((LinkFacts{.name = "a"}.name), "a");
    EXPECT_EQ((LinkFacts{.mtu = 576}.mtu), 576u);
    EXPECT_EQ((LadderOptions{.left = "a"}.left), "a");
    EXPECT_EQ((PcapngOptions{.snap_length = 60}.snap_length), 60u);
    EXPECT_EQ((ImpairedWireConfig{.b = "tap:b"}.b), "tap:b");
    EXPECT_EQ((Impairment{.corrupt = 0.5}.corrupt), 0.5);
    EXPECT_EQ((CodelOptions{.interval = Duration{1}}.interval), Duration{1});
    EXPECT_EQ((sim::HostOptions{.memory_limit = 1}.memory_limit), 1u);
    EXPECT_EQ((sim::WorldOptions{.seed = 1}.seed), 1u);
    EXPECT_EQ((sim::BulkOptions{.port = 1}.port), 1);
    EXPECT_EQ((sim::RequestOptions{.count = 1}.count), 1u);
    EXPECT_EQ((sim::ExchangeOptions{.port = 1}.port), 1);
    EXPECT_EQ((sim::DatagramOptions{.port = 1}.port), 1);
}

// The list above is of all that end in Options or Config in include/tern.
TEST(Options, AllOfThemAreTried) {
    const auto contents_of = [](const std::filesystem::path& file) {
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        return text.str();
    };
    const std::filesystem::path root{TERN_SOURCES};
    const std::string tried = contents_of(root / "tests/runtime/options_test.cc");
    const std::regex name{R"(\nstruct (\w+(?:Options|Config)) \{)"};
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(root / "include/tern")) {
        const std::string text = contents_of(entry.path());
        for (std::sregex_iterator it{text.begin(), text.end(), name}, end; it != end; ++it) {
            ++found;
            const std::string use = (*it)[1].str() + "{.";
            EXPECT_NE(tried.find(use), std::string::npos) << (*it)[1] << " in " << entry.path();
        }
    }
    EXPECT_GE(found, 15);
}

}  // namespace
}  // namespace tern
