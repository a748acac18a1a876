// Drawing. Columns: time, left state, lifeline, arrows, lifeline, right state.
#include <algorithm>
#include <set>
#include <utility>

#include "core/wire/tcp.hh"
#include "lab/trace/ladder_rows.hh"

namespace tern::trace {

namespace {

constexpr std::size_t k_time = 9, k_state = 14;        // "60.140000"; "(SYN-RECEIVED)"
constexpr std::size_t k_run_min = 9;                   // shorter runs are drawn in full
constexpr std::size_t k_run_head = 3, k_run_tail = 2;  // what is kept of a longer one

enum class Colour : u8 { None, Dim, Red, Green, Bold };

class Painter {
public:
    Painter(const LadderRows& all, const LadderOptions& options) : all_(all), options_(options) {
        std::set<std::pair<u16, u16>> flows;
        for (const LadderRow& r : all.rows)
            if (r.kind == LadderRow::Kind::Packet && r.tcp)
                flows.insert(std::minmax(r.source_port, r.destination_port));
        several_flows_ = flows.size() > 1;
        if (!all.rows.empty()) start_ = all.rows.front().at;
        for (const LadderRow& r : all.rows) time_ = std::max(time_, time_text(r).size());
        const std::size_t others = time_ + 2 * k_state + 5;  // and what stands between them
        middle_ = std::max<std::size_t>(options.width, 80) - std::min<std::size_t>(others, 56);
    }

    std::string draw() {
        heading();
        if (all_.forgotten > 0) rule(grouped(all_.forgotten) + " rows before");
        const auto& rows = all_.rows;
        for (std::size_t i = 0; i < rows.size();) {
            const std::size_t end = options_.collapse ? run_end(i) : i;
            if (end - i >= k_run_min) {
                for (std::size_t k = i; k < i + k_run_head; ++k) row(rows[k]);
                collapsed(i + k_run_head, end - k_run_tail);
                for (std::size_t k = end - k_run_tail; k < end; ++k) row(rows[k]);
                i = end;
            } else {
                row(rows[i++]);
            }
        }
        return std::move(out_);
    }

private:
    // --- runs of ordinary segments
    static bool ordinary(const LadderRow& r) {
        if (r.kind == LadderRow::Kind::Hold) return true;
        if (r.kind != LadderRow::Kind::Packet || !r.tcp || r.lost()) return false;
        if (r.drop != DropReason::None || (r.flags & ~wire::Psh) != wire::Ack) return false;
        if (!r.reason) return true;
        switch (r.reason->why) {
            case SendReason::Data:
            case SendReason::DataLast:
            case SendReason::AckDelayed:
            case SendReason::AckRead:
            case SendReason::AckEverySecond:
            case SendReason::WindowUpdate: return true;
            default: return false;
        }
    }
    std::size_t run_end(std::size_t begin) const {
        std::size_t end = begin;
        while (end < all_.rows.size() && ordinary(all_.rows[end])) ++end;
        return end;
    }
    void collapsed(std::size_t begin, std::size_t end) {
        u64 bytes = 0, segments = 0;
        for (std::size_t i = begin; i < end; ++i) {
            bytes += all_.rows[i].length;
            if (all_.rows[i].kind == LadderRow::Kind::Packet) ++segments;
        }
        const Duration took = all_.rows[end - 1].at - all_.rows[begin].at;
        rule("... " + grouped(segments) + " segments, " + size_text(bytes) + ", " +
             (took.count() == 0 ? "at once" : "in " + short_text(took)) + " ...");
    }

    // --- lines
    std::string paint(Colour c, const std::string& text) const {
        if (!options_.colour || c == Colour::None || text.empty()) return text;
        constexpr const char* codes[] = {"", "\033[2m", "\033[31m", "\033[32m", "\033[1m"};
        return codes[static_cast<u8>(c)] + text + "\033[0m";
    }
    static std::string padded(std::string text, std::size_t width, bool right) {
        if (text.size() >= width) return text;
        return right ? std::string(width - text.size(), ' ') + text
                     : text + std::string(width - text.size(), ' ');
    }
    void line(const std::string& time, const std::string& left, const std::string& middle,
              const std::string& right, Colour colour = Colour::None) {
        std::string text = paint(Colour::Dim, padded(time, time_, true)) + " " +
                           paint(Colour::Bold, padded(left, k_state, true)) + " |" +
                           paint(colour, padded(middle, middle_, false)) + "|";
        if (!right.empty()) text += " " + paint(Colour::Bold, right);
        out_ += text + "\n";
    }
    void heading() {
        line("seconds", options_.left, "", options_.right);
        line("", "", "", "");
    }
    void rule(const std::string& text) {
        const std::size_t space = middle_ > text.size() ? (middle_ - text.size()) / 2 : 0;
        line("", "", std::string(space, ' ') + text, "", Colour::Dim);
    }
    // Words, in lines of the middle column.
    void prose(const std::string& text, Colour colour, std::string time = {}) {
        const std::size_t width = middle_ - 6;
        std::string part;
        const auto put = [&] {
            line(std::exchange(time, {}), "", "    " + std::exchange(part, {}), "", colour);
        };
        for (std::size_t at = 0; at < text.size();) {
            std::size_t end = std::min(text.find(' ', at), text.size());
            const std::string word = text.substr(at, end - at);
            if (!part.empty() && part.size() + 1 + word.size() > width) put();
            part += (part.empty() ? "" : " ") + word;
            at = end + 1;
        }
        if (!part.empty()) put();
    }

    // --- rows
    // The state when it is news for its column, else nothing.
    std::string state_text(const LadderRow& r, Side side) {
        const auto& state = r.state[index_of(side)];
        if (!state) return {};
        const bool inferred = r.inferred == side;
        std::string text{name_of(*state)};
        if (inferred) text = "(" + text + ")";
        if (text == shown_[index_of(side)] && !several_flows_) return {};
        shown_[index_of(side)] = text;
        return text;
    }
    const std::string& side_name(Side side) const {
        return side == Side::Left ? options_.left : options_.right;
    }
    std::string time_text(const LadderRow& r) const { return seconds_text(r.at - start_); }

    void row(const LadderRow& r) {
        switch (r.kind) {
            case LadderRow::Kind::Packet: packet(r); break;
            case LadderRow::Kind::State: state_change(r); break;
            case LadderRow::Kind::Note: prose("* " + r.text, Colour::Bold, time_text(r)); break;
            case LadderRow::Kind::Drop:
                prose(side_name(r.side) + " drops a packet: " + std::string{text_of(r.drop)},
                      Colour::Red, time_text(r));
                break;
            case LadderRow::Kind::Hold:
                if (options_.reasons)
                    prose(side_name(r.side) + " " + explain(*r.held), Colour::Dim, time_text(r));
                break;
        }
    }
    void state_change(const LadderRow& r) {
        if (r.told) return;
        const std::string left = state_text(r, Side::Left);
        const std::string right = state_text(r, Side::Right);
        if (left.empty() && right.empty()) return;
        std::string why = text_of(r.cause);
        if (r.side == Side::Right)
            why = padded(why + "  ", middle_, true);
        else
            why = "  " + why;
        line(time_text(r), left, why, right, Colour::Dim);
    }
    void packet(const LadderRow& r) {
        std::string text = several_flows_ && r.tcp ? std::to_string(r.source_port) + ">" +
                                                         std::to_string(r.destination_port) + " "
                                                   : "";
        text += r.head;
        // What has no room between the lifelines goes below: the window first.
        const std::string rest = cut_behind(text, middle_ - 8);
        const std::size_t room = middle_ - 14;  // dashes, head, and the time under way
        const bool one_line = rest.empty() && text.size() + 1 + r.options_shown.size() <= room;
        if (one_line && !r.options_shown.empty()) text += " " + r.options_shown;
        const bool dead = r.lost() || r.drop != DropReason::None;
        const std::string left = state_text(r, Side::Left);
        const std::string right = state_text(r, Side::Right);
        line(time_text(r), left, arrow(r, text), right,
             dead           ? Colour::Red
             : r.length > 0 ? Colour::Green
                            : Colour::None);
        if (!one_line) prose(rest + (rest.empty() ? "" : " ") + r.options_shown, Colour::None);
        if (options_.reasons && r.reason) prose(explain(*r.reason), Colour::Dim);
        if (r.lost()) prose("lost on the wire", Colour::Red);
        if (r.drop != DropReason::None)
            prose("dropped: " + std::string{text_of(r.drop)}, Colour::Red);
    }
    // Leaves whole words that fit; the others are handed back.
    static std::string cut_behind(std::string& text, std::size_t room) {
        if (text.size() <= room) return {};
        const std::size_t win = text.rfind(" win ");
        std::size_t at = win != std::string::npos && win <= room ? win : text.rfind(' ', room);
        if (at == std::string::npos || at == 0) at = room;
        std::string rest = text.substr(text[at] == ' ' ? at + 1 : at);
        text.resize(at);
        return rest;
    }
    std::string arrow(const LadderRow& r, const std::string& text) const {
        std::string way;
        if (r.watched && r.arrived && *r.arrived > r.at)
            way = " " + short_text(*r.arrived - r.at) + " ";
        const bool dead = r.lost() || r.drop != DropReason::None;
        std::size_t length = middle_;
        // A packet that the wire lost does not reach the other side.
        if (r.lost()) length = std::max(text.size() + 8, middle_ * 3 / 4);
        const std::size_t used = 4 + text.size() + 1 + 2;
        if (used + way.size() > length) way.clear();
        const std::size_t dashes = length > used + way.size() ? length - used - way.size() : 0;
        const bool to_right = r.side == Side::Left;
        const std::string head = dead ? "x" : to_right ? ">" : "<";
        if (to_right) return "--- " + text + " " + std::string(dashes, '-') + way + "-" + head;
        std::string drawn = head + "-" + way + std::string(dashes, '-') + " " + text + " ---";
        return padded(std::move(drawn), middle_, true);
    }

    const LadderRows& all_;
    const LadderOptions& options_;
    std::size_t time_ = k_time, middle_ = 0;
    bool several_flows_ = false;
    Instant start_{};
    std::string shown_[2];
    std::string out_;
};

}  // namespace

std::string text_of(Cause cause) {
    switch (cause) {
        case Cause::OpenActive: return "the application called OPEN";
        case Cause::OpenPassive: return "the application listens";
        case Cause::SynArrived: return "SYN arrived";
        case Cause::SynAckArrived: return "SYN was answered";
        case Cause::AckOfSyn: return "our SYN is acknowledged";
        case Cause::FinArrived: return "FIN arrived: the peer has no more to send";
        case Cause::Close: return "the application closed";
        case Cause::AckOfFin: return "our FIN is acknowledged";
        case Cause::ResetArrived: return "RST arrived";
        case Cause::Abort: return "the application aborted";
        case Cause::TimedOut: return "no answer in time: given up";
        case Cause::IcmpHardError: return "ICMP says that it is hopeless";
        case Cause::TwoMslPassed: return "2MSL passed: nothing old can arrive now";
        case Cause::NewSyn: return "a new SYN takes its place";
        case Cause::Refused: return "RST answered our SYN";
        case Cause::NoRoom: return "no room to remember TIME-WAIT: it ends early";
        case Cause::OrphanTimedOut:
            return "the application has closed, and the peer took too little: given up";
        case Cause::OrphanEvicted:
            return "the application has closed, and others need the room: given up";
    }
    return {};
}

std::string draw_ladder(const LadderRows& rows, const LadderOptions& options) {
    return Painter{rows, options}.draw();
}

}  // namespace tern::trace
