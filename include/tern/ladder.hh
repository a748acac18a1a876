// Ladder: records one or two stacks and draws the classic time-sequence diagram: time, the state
// of each side, an arrow per segment in relative numbers, and below it one sentence of reason.
//   Ladder ladder;
//   client.set_observer(&ladder.left());
//   server.set_observer(&ladder.right());  // leave one out, and its column is inferred
//   ...
//   std::fputs(ladder.text().c_str(), stdout);
#pragma once

#include <memory>
#include <string>

#include "tern/export.hh"
#include "tern/trace.hh"

namespace tern TERN_API {

// How the diagram is drawn.
struct LadderOptions {
    unsigned width = 80;   // columns, at least 80
    bool colour = false;   // ANSI escapes
    bool collapse = true;  // long runs of ordinary segments become one line
    bool reasons = true;   // the sentence below each arrow
    std::string left = "client";
    std::string right = "server";
    unsigned rows_max = 100'000;  // then the oldest are forgotten
};

// Records from the time that it observes. On the thread of its stacks, which must be one.
class Ladder {
public:
    // Records nothing until a stack has left() or right() as observer.
    explicit Ladder(const LadderOptions& options = {});
    ~Ladder();
    Ladder(Ladder&&) noexcept;
    Ladder& operator=(Ladder&&) noexcept;

    // Both belong to the ladder. A stack must not outlive it as its observer.
    Observer& left();
    Observer& right();  // of the other stack
    // A line of the teller's own, such as "the application writes 20 KB".
    void remark(Instant at, std::string text);

    std::string text() const;  // lines of LadderOptions::width columns
    std::string json() const;  // an array of objects, one per row
    void clear();

private:
    class TERN_LOCAL Recorder;
    std::unique_ptr<Recorder> recorder_;
};

}  // namespace tern
