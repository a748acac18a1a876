// Lines are made when an event comes, for the bytes of a frame are gone afterwards.
#include "lab/trace/story.hh"

#include <algorithm>

#include "lab/trace/line_text.hh"

namespace tern::trace {

void StoryPrinter::add(Entry entry) {
    entries_.push_back(std::move(entry));
    if (entries_.size() > options_.lines) {
        entries_.pop_front();
        ++forgotten_;
    }
}

// The line of a received frame; what the stack made of it is told a moment later.
StoryPrinter::Entry* StoryPrinter::arrival(u32 note) {
    if (note == 0) return nullptr;
    constexpr std::size_t k_back = 256;  // a batch, and what was answered to it meanwhile
    std::size_t left = std::min(entries_.size(), k_back);
    for (auto it = entries_.rbegin(); left > 0; ++it, --left)
        if (it->note == note && it->mark == '<') return &*it;
    return nullptr;
}

void StoryPrinter::on_frame(const FrameEvent& e) {
    const FrameView view = view_of(e);
    std::string line = line_text(view, numbers_);
    std::string why;
    if (e.outbound) {
        if (const Reason* reason = reasons_.find(e.note)) why = explain(*reason);
    } else if (!e.checksum_partial && !checksums_hold(view)) {
        why = "checksum wrong; ";
    }
    if (e.gso_size != 0) line += " in pieces of " + std::to_string(e.gso_size);
    add({e.at, e.outbound ? '>' : '<', std::move(line), std::move(why), e.note});
}

void StoryPrinter::on_segment_arrived(const SegmentArrivedEvent& e) {
    Entry* entry = arrival(e.note);
    if (entry == nullptr) return;
    if (e.drop != DropReason::None)
        entry->why = std::string{"dropped: "}.append(text_of(e.drop));
    else if (e.lacks_timestamp)
        entry->why = "accepted without the agreed timestamp";
}

void StoryPrinter::on_drop(const DropEvent& e) {
    std::string text = std::string{"dropped: "}.append(text_of(e.reason));
    if (Entry* entry = arrival(e.note)) {
        entry->why = std::move(text);
        return;
    }
    add({e.at, ' ', std::move(text), {}, 0});
}

void StoryPrinter::on_hold(const HoldEvent& e) {
    if (holds_.fresh(e)) add({e.at, ' ', explain(e), {}, 0});
}

void StoryPrinter::on_state(const StateEvent& e) {
    add({e.at, ' ', std::string{name_of(e.from)}.append(" -> ").append(name_of(e.to)),
         std::string{name_of(e.cause)}, 0});
}

void StoryPrinter::on_timer(const TimerEvent& e) {
    if (!options_.timers || e.what != TimerEvent::What::Fired) return;
    add({e.at, ' ', std::string{"timer fires: "}.append(text_of(e.timer)), {}, 0});
}

void StoryPrinter::on_window(const WindowEvent& e) {
    if (!options_.windows) return;
    add({e.at, ' ',
         "cwnd " + grouped(e.cwnd) + ", ssthresh " + grouped(e.ssthresh) + ", in flight " +
             grouped(e.flight) + ", rto " + short_text(e.rto),
         std::string{e.why}, 0});
}

void StoryPrinter::remark(Instant at, std::string text) { add({at, ' ', std::move(text), {}, 0}); }

std::string StoryPrinter::text() const {
    constexpr std::size_t k_why_column = 58;
    std::string all;
    if (forgotten_ > 0) all += "  ... " + grouped(forgotten_) + " lines before ...\n";
    for (const Entry& e : entries_) {
        std::string line = " " + seconds_text(e.at - options_.start) + "  ";
        line += e.mark;
        line += e.mark == ' ' ? "    " : "  ";
        line += e.line;
        if (!e.why.empty()) {
            line.resize(std::max(line.size() + 2, k_why_column), ' ');
            line += e.why;
        }
        all += line + "\n";
    }
    return all;
}

}  // namespace tern::trace
