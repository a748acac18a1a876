// What has arrived and waits for the application: bytes in order, runs behind holes, a FIN behind a
// hole; and how long the echo of a timestamp took.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "core/tcp/receiver/packing.hh"
#include "core/tcp/receiver/reassembly.hh"

namespace tern::tcp {

inline constexpr u32 k_no_echo = 0xffffffff;

class ReceiveQueue {
public:
    // --- bytes in order
    const Chain& text() const { return text_; }
    u64 waiting() const { return text_.bytes(); }
    void append(Packet text) { append_packed(text_, std::move(text)); }
    void append(Chain& texts) {
        while (!texts.empty()) append(texts.pop_front());
    }

    // --- behind holes
    Reassembly& holes() { return holes_; }
    const Reassembly& holes() const { return holes_; }
    // Text that begins at RCV.NXT, while there are runs.
    Reassembly::Filled fill(Pool<Run>& runs, Seq nxt, Packet text) {
        return holes_.fill(runs, nxt, std::move(text), text_);
    }

    // --- reading; never more than is waiting()
    void read(std::span<std::byte> into);
    void skip(u32 n) { text_.trim_front(n); }
    // The first buffer, or a view of its first `most` bytes; empty: no memory for the view. There
    // is one.
    Packet take(u64 most);
    u32 first_size() const { return text_.front()->end - text_.front()->begin; }
    std::optional<std::byte> byte_at(u64 offset) const;

    // --- the peer's FIN
    void hold_fin(Seq fin) { fin_ = fin; }
    bool fin_is(Seq nxt) const { return fin_ == nxt; }

    // --- the way of a TSval of ours and back: the shortest since the last read, in milliseconds
    void note_echo(u32 ms) { echo_ms_ = std::min(echo_ms_, ms); }
    u32 take_echo() { return std::exchange(echo_ms_, k_no_echo); }

    // May the record go?
    bool idle() const { return text_.empty() && !holes_.has_blocks() && !fin_; }

private:
    Chain text_;
    Reassembly holes_;
    u32 echo_ms_ = k_no_echo;
    std::optional<Seq> fin_;  // behind a hole
};

}  // namespace tern::tcp
