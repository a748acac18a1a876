// Scenario files: what is wrong in them is told with line and column; what is right runs, reads
// back, and shrinks.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "sim_report.hh"
#include "sim_shrink.hh"

namespace tern::tools {
namespace {

using namespace std::chrono_literals;

const std::string k_two_hosts = R"(duration = "10s"
[[host]]
name = "a"
address = "10.0.0.1/24"
[[host]]
name = "b"
address = "10.0.0.2/24"
[[wire]]
between = ["a", "b"]
impair = "rate=10mbit,delay=5ms"
)";

std::string complaint(const std::string& text) {
    try {
        read_scenario(text, "f.toml");
    } catch (const ScenarioError& e) {
        return e.what();
    }
    return "none";
}

TEST(ScenarioErrors, name_line_and_column_and_what_was_expected) {
    // Line 11 is the first one behind the two hosts.
    const std::pair<const char*, const char*> cases[] = {
        {"[[bulk]]\nname = \"x\"\nfrom = \"a\"\nto = \"c\"\nport = 80\nsize = \"1MB\"\n",
         "f.toml:14:6: \"c\" is no host: expected a, b"},
        {"[[bulk]]\nname = \"x\"\nfrom = \"a\"\nto = \"b\"\nport = 0\nsize = \"1MB\"\n",
         "f.toml:15:8: port: expected a whole number from 1 to 65535"},
        {"[[bulk]]\nname = \"x\"\nfrom = \"a\"\nto = \"b\"\nport = 80\nsize = \"many\"\n",
         "f.toml:16:8: size: expected a size as in \"200MB\" or \"64KiB\""},
        {"[[bulk]]\nname = \"x\"\nfrom = \"a\"\nto = \"b\"\nport = 80\n",
         "f.toml:11:1: [[bulk]] needs size: expected a size as in \"200MB\" or \"64KiB\""},
        {"[[bulk]]\nname = 7\n", "f.toml:12:8: name: expected a string"},
        {"[[fault]]\nkind = \"fire\"\n",
         "f.toml:12:8: \"fire\" is no kind of fault: expected partition, impair, mtu, "
         "restart, clock-jump, odd"},
        {"[[fault]]\nkind = \"partition\"\nat = \"1s\"\nwire = \"a-c\"\nfor = \"1s\"\n",
         "f.toml:14:8: \"a-c\" is no wire: expected a-b"},
        {"[[fault]]\nkind = \"partition\"\nat = 1\n",
         "f.toml:13:6: at: expected a time as in \"20ms\" or \"1.5s\""},
        {"[[fault]]\nkind = \"clock-jump\"\nat = \"1s\"\nhost = \"a\"\nby = \"0s\"\n",
         "f.toml:15:6: by: expected more than 0, for clocks never run back"},
        {"[[check]]\nflow = \"x\"\n",
         "f.toml:12:8: \"x\" is no flow: expected one that the file defines"},
        {"[[host]]\nname = \"a\"\naddress = \"10.0.0.3/24\"\n",
         "f.toml:12:8: \"a\" is taken: expected another name"},
        {"[[host]]\nname = \"c\"\naddress = \"10.0.0\"\n",
         "f.toml:13:11: address: \"10.0.0\": expected an IPv4 address with its prefix, as in "
         "\"10.0.0.1/24\""},
        {"[[host]]\nname = \"c\"\naddress = \"10.0.0.2/24\"\n",
         "f.toml:13:11: address: 10.0.0.2 is taken: expected another one"},
        {"[[host]]\nname = \"c\"\naddress = \"10.0.0.255/24\"\n",
         "f.toml:13:11: address: \"10.0.0.255/24\" is for no single host: expected one that is, as "
         "in "
         "\"10.0.0.1/24\""},
        {"[[host]]\nname = \"c\"\naddress = \"10.0.0.3/24\"\n",
         "f.toml:12:8: c has no wire: expected a [[wire]] to it"},
        {"[[wire]]\nname = \"w\"\nbetween = [\"a\", \"b\"]\n",
         "f.toml:13:11: a has its wire already: expected a router between several hosts"},
        {"[[wire]]\nbetween = [\"a\", \"a\"]\n",
         "f.toml:12:11: between: expected two different nodes"},
        {"[[bulk]]\nname = \"x\"\nfrom = \"a\"\nto = \"a\"\n",
         "f.toml:14:6: to: expected another host than from"},
        {"[[wire]]\nbetween = \"a\"\n",
         "f.toml:12:11: between: expected two names as in [\"a\", \"b\"]"},
        {"[[router]]\nname = \"r\"\ncolour = \"red\"\n",
         "f.toml:13:1: \"colour\" is no key of [[router]]: expected name"},
        {"[router]\nname = \"r\"\n",
         "f.toml:11:1: router: expected tables, each headed [[router]]"},
    };
    for (const auto& [text, message] : cases) EXPECT_EQ(complaint(k_two_hosts + text), message);
}

TEST(ScenarioErrors, of_the_impairments_and_of_toml_itself) {
    EXPECT_TRUE(complaint("duration = \"1s\"\n[[host]]\nname = \"a\"\naddress = \"10.0.0.1/24\"\n"
                          "[[host]]\nname = \"b\"\naddress = \"10.0.0.2/24\"\n[[wire]]\n"
                          "between = [\"a\", \"b\"]\nimpair = \"lose=1%\"\n")
                    .starts_with("f.toml:10:10: \"lose=1%\": write loss=1%"));
    EXPECT_TRUE(complaint("duration = \"1s\nseed = 1\n").starts_with("f.toml:1:"));
    EXPECT_EQ(complaint("seed = 1\n"),
              "f.toml:1:1: a scenario needs duration: expected a time as in \"20ms\" or \"1.5s\"");
    EXPECT_EQ(complaint("duration = \"0s\"\n"), "f.toml:1:12: duration: expected more than 0");
}

std::string contents_of(const std::string& name) {
    std::ifstream in(std::string(TERN_SOURCES) + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

class Example : public testing::TestWithParam<const char*> {};

TEST_P(Example, holds_reads_back_and_is_not_changed_by_looking) {
    const std::string name = GetParam();
    const Scenario scenario = read_scenario(contents_of("examples/sim/" + name), name);
    const SimResult plain = run_scenario(scenario, scenario.seed);
    EXPECT_TRUE(plain.failures.empty()) << sim_table(plain);
    const Scenario again = read_scenario(write_scenario(scenario, "a remark"), name);
    const SimResult seen = run_scenario(again, scenario.seed, {.samples = 50});
    EXPECT_EQ(seen.digest, plain.digest);
    EXPECT_EQ(seen.samples.size(), 50u);
    for (const auto& [file, plot] : sim_plots(seen)) {
        const std::string svg = svg_of(plot);
        EXPECT_NE(svg.find("<polyline"), svg.npos) << file;
        EXPECT_NE(svg.find("time (s)"), svg.npos) << file;
    }
    // The digest of the release build must be the same: tests/interop/test_sim.py reads it here.
    std::istringstream lines(contents_of("examples/sim/digests.txt"));
    std::string line, expected;
    while (std::getline(lines, line))
        if (line.starts_with(name + " ")) expected = line.substr(name.size() + 1);
    char digest[17];
    std::snprintf(digest, sizeof digest, "%016llx", static_cast<unsigned long long>(plain.digest));
    EXPECT_EQ(digest, expected) << "put it there if the stack sends something else now";
}

INSTANTIATE_TEST_SUITE_P(Files, Example, testing::Values("bulk.toml", "faults.toml", "lan.toml"),
                         [](const auto& file) {
                             const std::string name = file.param;
                             return name.substr(0, name.find('.'));
                         });

TEST(Scenario, checks_that_do_not_hold_are_told) {
    const Scenario s = read_scenario(k_two_hosts + R"(
[[bulk]]
name = "x"
from = "a"
to = "b"
port = 80
size = "20MB"
[[check]]
flow = "x"
exact = true
goodput-at-least = "11mbit"
finished-by = "9s"
retransmissions-at-most = 0
[[fault]]
kind = "impair"
wire = "a-b"
way = "there"
at = "1s"
for = "1s"
impair = "rate=10mbit,delay=5ms,drop=1+900"
)",
                                     "f");
    const SimResult r = run_scenario(s, 1);
    std::string all;
    for (const SimFailure& f : r.failures) all += f.what + ", ";
    EXPECT_EQ(all, "exact x, goodput x, finished x, ");
}

TEST(Scenario, a_fault_that_never_struck_is_a_failure) {
    const Scenario s = read_scenario(k_two_hosts + R"(
[[fault]]
kind = "partition"
wire = "a-b"
way = "there"
at = "1s"
for = "1s"
)",
                                     "f");
    const SimResult r = run_scenario(s, 1);
    ASSERT_EQ(r.failures.size(), 1u);
    EXPECT_EQ(r.failures[0].what, "fault the partition of a-b (one way) from 1 s to 2 s");
}

TEST(Shrink, leaves_the_fault_that_matters_and_little_load) {
    const Scenario s = read_scenario(k_two_hosts + R"(
[[bulk]]
name = "x"
from = "a"
to = "b"
port = 80
size = "8MB"
[[requests]]
name = "y"
from = "a"
to = "b"
port = 81
count = 1000
request = "10B"
response = "10B"
[[check]]
flow = "x"
exact = true
[[fault]]
kind = "partition"
wire = "a-b"
at = "500ms"
for = "200ms"
[[fault]]
kind = "restart"
host = "b"
at = "1500ms"
[[fault]]
kind = "clock-jump"
host = "a"
at = "2s"
by = "10ms"
)",
                                     "f");
    const SimResult failed = run_scenario(s, 5);
    ASSERT_FALSE(failed.failures.empty());
    const Shrunk small = shrink(s, failed);
    ASSERT_EQ(small.scenario.faults.size(), 1u);
    EXPECT_EQ(small.scenario.faults[0].kind, SimFault::Kind::Restart);
    ASSERT_EQ(small.scenario.flows.size(), 1u);
    EXPECT_LT(small.scenario.flows[0].size, 8'000'000u);
    // Written and read again it fails in the same way.
    const Scenario again = read_scenario(write_scenario(small.scenario, "small"), "g");
    const SimResult r = run_scenario(again, again.seed);
    ASSERT_EQ(r.failures.size(), small.result.failures.size());
    EXPECT_EQ(r.failures[0].text, small.result.failures[0].text);
    EXPECT_EQ(r.digest, small.result.digest);
}

// Two things are wrong: the restart breaks x, and y could not be so quick anyhow. And the clock
// jumps after all is over.
constexpr const char* k_two_failures = R"(
[[bulk]]
name = "x"
from = "a"
to = "b"
port = 80
size = "4MB"
[[requests]]
name = "y"
from = "a"
to = "b"
port = 81
count = 100
request = "10B"
response = "10B"
[[check]]
flow = "x"
exact = true
[[check]]
flow = "y"
finished-by = "1ms"
[[fault]]
kind = "restart"
host = "b"
at = "200ms"
[[fault]]
kind = "partition"
wire = "a-b"
at = "900ms"
for = "10ms"
)";

TEST(Shrink, ends_at_the_failure_that_was_found) {
    const Scenario s = read_scenario(k_two_hosts + k_two_failures, "f");
    const SimResult failed = run_scenario(s, 5);
    ASSERT_GE(failed.failures.size(), 2u);
    ASSERT_EQ(failed.failures[0].what, "exact x");
    const Shrunk small = shrink(s, failed);
    ASSERT_FALSE(small.result.failures.empty());
    EXPECT_EQ(small.result.failures[0].what, "exact x") << sim_table(small.result);
    ASSERT_EQ(small.scenario.flows.size(), 1u);
    EXPECT_EQ(small.scenario.flows[0].name, "x");
    // Faults that a smaller load no longer meets are not what was found.
    for (const SimFailure& f : small.result.failures)
        EXPECT_FALSE(f.what.starts_with("fault ")) << f.text;
    const Scenario again = read_scenario(write_scenario(small.scenario, "small"), "g");
    EXPECT_EQ(run_scenario(again, again.seed).failures.size(), small.result.failures.size());
}

TEST(Shrink, a_fault_that_never_strikes_stays_the_failure) {
    Scenario s = read_scenario(k_two_hosts + k_two_failures, "f");
    s.checks.clear();
    s.faults.erase(s.faults.begin());
    s.faults[0].at = s.duration - std::chrono::milliseconds(20);
    const SimResult failed = run_scenario(s, 5);
    ASSERT_EQ(failed.failures.size(), 1u);
    ASSERT_TRUE(failed.failures[0].what.starts_with("fault ")) << failed.failures[0].what;
    const Shrunk small = shrink(s, failed);
    ASSERT_EQ(small.result.failures.size(), 1u);
    EXPECT_EQ(small.result.failures[0].what, failed.failures[0].what);
    EXPECT_EQ(small.scenario.faults.size(), 1u);
}

TEST(Run, that_tells_how_far_it_is_goes_no_other_way) {
    const Scenario s = read_scenario(k_two_hosts + k_two_failures, "f");
    std::vector<Duration> told;
    SimWatch watch;
    watch.progress = [&](Duration at) { told.push_back(at); };
    const SimResult plain = run_scenario(s, 5), watched = run_scenario(s, 5, watch);
    EXPECT_EQ(watched.digest, plain.digest);
    EXPECT_EQ(watched.events, plain.events);
    EXPECT_GE(told.size(), 50u);
    EXPECT_EQ(told.back(), s.duration);
    EXPECT_TRUE(std::ranges::is_sorted(told));
}

TEST(Documentation, shows_the_first_test_as_it_is) {
    const std::string page = contents_of("docs/simulator.md");
    const std::string code = contents_of("examples/sim/first_test.cc");
    ASSERT_FALSE(code.empty());
    EXPECT_LE(std::ranges::count(code, '\n'), 30);
    EXPECT_NE(page.find("```cpp\n" + code + "```\n"), page.npos);
}

TEST(Plot, axes_have_round_numbers_and_names_are_escaped) {
    const std::string svg = svg_of({"Goodput", "Mbit/s", {{"a > b", {{0, 0}, {9.7, 93.4}}}}});
    for (const char* text : {">Goodput (Mbit/s)<", ">0<", ">20<", ">100<", ">10<", "a &gt; b"})
        EXPECT_NE(svg.find(text), svg.npos) << text;
    EXPECT_NE(svg_of({"Empty", "s", {}}).find("time (s)"), svg.npos);
}

}  // namespace
}  // namespace tern::tools
