// Every placement of up to k departures on the opening and the end of one connection between two
// real stacks: a packet is lost, doubled, doubled late or overtaken, or an application's call comes
// at another point. Each run starts from nothing and follows a list of decisions, so a finding
// is repeated by its list.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "tern/packet_batch.hh"

namespace tern::explore {

enum class Call : u8 { Connect, Send, Close, Abort, Release };
// When a call comes in the plain run; a departure puts it behind the n-th arrival instead.
enum class When : u8 { AtOnce, Established, PeerClosed };

struct Step {
    Call call;
    When when;
};

struct Case {
    std::string name;
    std::vector<Step> a, b;
    bool b_listens = true;  // not: both sides connect, to each other
};

// A stack's mistake, put in on purpose: the explorer must find it.
enum class Plant : u8 {
    None,
    NoTimerInClosing,  // b does not send its FIN again once it is in CLOSING
    SilentTimeWait,    // b does not answer in TIME-WAIT, so a lost last ACK stays lost
    NotTrimmed,        // b hands the bytes of a segment that came twice to its application twice
    ForgottenClose,    // b does not tell its application the end when it came by way of CLOSING
};

// What can become of a packet; 0 is the plain run, everything else is a departure.
enum Fate : u8 { Delivered, Lost, Doubled, DoubledLate, Overtaken, k_fates };

using Decisions = std::vector<u8>;

struct Finding {
    std::string what;
    Decisions decisions;
    std::string story;  // the run, line by line
};

struct Tally {
    u64 runs = 0, states = 0, segments = 0;
    u32 longest = 0;  // segments in one run
    std::vector<Finding> findings{};
};

struct Options {
    u32 departures = 3;
    u32 most_findings = 1;  // then the case is given up
    Plant plant = Plant::None;
};

// One run; what was wrong with it, or "".
struct Trail {
    Decisions widths{};  // how many choices there were at each decision
    u32 segments = 0;
    std::string wrong{};
    std::string story{};
};
struct Follow {
    Plant plant = Plant::None;
    std::unordered_set<u64>* states = nullptr;  // those that were visited go there
    bool tell = false;                          // the story
};
Trail follow(const Case& c, const Decisions& decisions, PacketPool& pool, const Follow& how = {});

// All runs with up to `departures`, those with fewer first: a finding is a shortest one.
Tally explore(const Case& c, const Options& options);

std::vector<Case> all_cases();
std::string text_of(const Decisions& decisions);

}  // namespace tern::explore
