// Who calls what: both openings, with and without data, and every way to end.
#include "lab/explore/explore.hh"

namespace tern::explore {

namespace {

using enum Call;
using enum When;

struct Ending {
    const char* name;
    std::vector<Step> a, b;
};

const std::vector<Ending>& endings() {
    static const std::vector<Ending> all = {
        {"a closes, b follows", {{Close, Established}}, {{Close, PeerClosed}}},
        {"b closes, a follows", {{Close, PeerClosed}}, {{Close, Established}}},
        {"both close", {{Close, Established}}, {{Close, Established}}},
        {"a shuts down, b sends and closes",
         {{Close, Established}},
         {{Send, PeerClosed}, {Close, PeerClosed}}},
        {"a aborts", {{Abort, Established}}, {{Close, Established}}},
        {"b aborts what a has closed", {{Close, Established}}, {{Abort, PeerClosed}}},
        {"both abort", {{Abort, Established}}, {{Abort, Established}}},
        {"a lets go, b follows", {{Release, Established}}, {{Close, PeerClosed}}},
        {"b lets go", {{Close, Established}}, {{Release, Established}}},
    };
    return all;
}

void append(std::vector<Step>& to, const std::vector<Step>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const bool listens : {true, false}) {
        for (const bool data : {false, true}) {
            for (const Ending& end : endings()) {
                Case c;
                c.name = std::string(listens ? "one opens" : "both open") +
                         (data ? ", both send, " : ", ") + end.name;
                c.b_listens = listens;
                c.a.push_back({Connect, AtOnce});
                if (!listens) c.b.push_back({Connect, AtOnce});
                if (data) c.a.push_back({Send, Established});
                if (data) c.b.push_back({Send, Established});
                append(c.a, end.a);
                append(c.b, end.b);
                all.push_back(std::move(c));
            }
        }
    }
    return all;
}

}  // namespace tern::explore
