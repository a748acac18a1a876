// Prints every row of the transition table: "transition FROM CAUSE TO".
#include <cstdio>
#include <string>

#include "core/tcp/state.hh"

int main() {
    for (const tern::tcp::Transition& t : tern::tcp::transitions())
        std::printf("transition %s %s %s\n", std::string(name_of(t.from)).c_str(),
                    std::string(name_of(t.cause)).c_str(), std::string(name_of(t.to)).c_str());
}
