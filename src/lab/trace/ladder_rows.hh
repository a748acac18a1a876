// What a ladder has recorded, before it is drawn.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "lab/trace/reasons.hh"
#include "tern/ladder.hh"

namespace tern::trace {

enum class Side : u8 { Left, Right };
constexpr Side other(Side s) { return s == Side::Left ? Side::Right : Side::Left; }
constexpr std::size_t index_of(Side s) { return static_cast<std::size_t>(s); }

struct LadderRow {
    enum class Kind : u8 { Packet, State, Note, Drop, Hold };
    Kind kind = Kind::Note;
    Side side = Side::Left;  // who sent it, or whose state, drop, hold or remark it is
    Instant at{};
    bool tcp = false;
    u32 seq = 0, length = 0, ack = 0;  // absolute, to find the packet again on the other side
    u16 flags = 0, window = 0;
    u16 source_port = 0, destination_port = 0;
    std::string head;                // "S 0:0(0) win 65535"
    std::string options;             // "<mss 1460>"
    std::string options_shown;       // without timestamps, except in SYN
    std::optional<Reason> reason;    // of the sender
    std::optional<State> state[2];   // after it, by side; nothing: unknown or not concerned
    std::optional<Side> inferred;    // whose state is a guess
    std::optional<Instant> arrived;  // at the other side
    bool watched = false;            // the other side would have told us of its arrival
    DropReason drop = DropReason::None;
    Cause cause = Cause::OpenActive;
    State from = State::Closed;  // Kind::State
    std::string text;            // Kind::Note
    std::optional<HoldEvent> held{};
    bool told = false;  // Kind::State that a packet's row shows already

    bool lost() const { return kind == Kind::Packet && watched && !arrived; }
};

struct LadderRows {
    std::deque<LadderRow> rows;
    u64 forgotten = 0;
};

std::string text_of(Cause cause);
std::string draw_ladder(const LadderRows& rows, const LadderOptions& options);
std::string ladder_json(const LadderRows& rows, const LadderOptions& options);

}  // namespace tern::trace
