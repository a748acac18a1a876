// The applications of both ends, as short as they can be.
#include "show_stories.hh"

#include <cstddef>

namespace tern::tools {

namespace {

using namespace std::chrono_literals;

State state_of(Stack& stack, TcpConnection c) {
    const auto status = stack.tcp().status(c);
    return status ? status->state : State::Closed;
}

// SYN is given up after three minutes; nothing here takes longer, TIME-WAIT included.
constexpr Duration k_patience = 300s;

bool open(Pair& pair) {
    pair.listen();
    const auto c = pair.client.tcp().connect(Pair::server_endpoint());
    if (!c) return false;
    pair.client_end = *c;
    return pair.run_until(
        [&] {
            return state_of(pair.client, pair.client_end) == State::Established &&
                   pair.server_end && state_of(pair.server, pair.server_end) == State::Established;
        },
        k_patience);
}

bool write(Pair& pair, std::size_t n) {
    const std::vector<std::byte> bytes(n, std::byte{'.'});
    const auto sent = pair.client.tcp().send(pair.client_end, bytes);
    return sent && *sent == n;
}

bool handshake(Pair& pair) {
    pair.begin_story();
    return open(pair);
}

bool close(Pair& pair) {
    if (!open(pair)) return false;
    pair.begin_story();
    pair.remark("the client's application has nothing more to say");
    if (!pair.client.tcp().close(pair.client_end)) return false;
    const auto told = [&] { return (pair.server_events & PeerClosed) != 0; };
    if (!pair.run_until(told, k_patience)) return false;
    pair.run_for(100ms);
    pair.remark("the server's application has finished too");
    if (!pair.server.tcp().close(pair.server_end)) return false;
    return pair.run_until(
        [&] {
            return state_of(pair.client, pair.client_end) == State::Closed &&
                   state_of(pair.server, pair.server_end) == State::Closed;
        },
        k_patience);
}

bool loss(Pair& pair) {
    constexpr std::size_t k_bytes = 20'000;
    if (!open(pair)) return false;
    pair.begin_story();
    pair.remark("the client's application writes 20,000 bytes");
    if (!write(pair, k_bytes)) return false;
    std::size_t read = 0;
    const bool whole = pair.run_until(
        [&] {
            std::byte buffer[4096];
            while (const auto got = pair.server.tcp().receive(pair.server_end, buffer)) {
                if (*got == 0) break;
                read += *got;
            }
            const auto s = pair.client.tcp().status(pair.client_end);
            return read == k_bytes && s && s->unacknowledged == 0;
        },
        k_patience);
    return whole;
}

bool reset(Pair& pair) {
    pair.begin_story();
    pair.remark("the client calls a port where nobody listens");
    const auto nobody = pair.client.tcp().connect(Pair::server_endpoint(81));
    if (!nobody) return false;
    const auto over = [&] { return state_of(pair.client, *nobody) == State::Closed; };
    if (!pair.run_until(over, k_patience)) return false;
    pair.client.tcp().release(*nobody);
    pair.run_for(100ms);
    pair.remark("the client calls port 80, writes, and aborts");
    if (!open(pair) || !write(pair, 100)) return false;
    pair.run_for(100ms);
    if (!pair.client.tcp().abort(pair.client_end)) return false;
    return pair.run_until([&] { return state_of(pair.server, pair.server_end) == State::Closed; },
                          k_patience);
}

}  // namespace

std::span<const Story> stories() {
    static const Story all[] = {
        {.name = "handshake",
         .help = "how a connection begins",
         .opening = "Three segments, so that each side knows the other's first sequence number, "
                    "and knows that its own was heard.",
         .lesson =
             "Why three and not two: a SYN that was delayed in the network looks like a new one. A "
             "server that was content with two steps would open a ghost connection for it; the "
             "third segment is the proof that the client means this SYN, and now.",
         .drop = {},
         .play = handshake},
        {.name = "close",
         .help = "how a connection ends, and what TIME-WAIT is for",
         .opening = "Each direction is closed by itself: a FIN says \"no more from me\", and has "
                    "to be acknowledged as data is.",
         .lesson = "Why four and not two: one side may still have something to say. Why TIME-WAIT: "
                   "if the last ACK is lost the FIN comes again, and somebody has to answer; and "
                   "after 2MSL no old segment can be mistaken for one of the next connection "
                   "between the same ports.",
         .drop = {},
         .play = close},
        {.name = "loss",
         .help = "how a lost segment is found and sent again",
         .opening = "20,000 bytes, of which one segment is lost on the wire (--drop says which).",
         .lesson = "Sequence numbers put what arrives in order; acknowledgements of what was still "
                   "expected tell of the hole. Three of them are enough to send again at once; "
                   "without them the retransmission timer has to notice.",
         .drop = {3},
         .play = loss},
        {.name = "reset",
         .help = "how a connection is refused, and how one is aborted",
         .opening = "RST ends everything at once: no answer, no waiting, nothing that is kept.",
         .lesson = "A reset is the answer to a segment that belongs to no connection, and the way "
                   "to drop one without delivering what is queued. Since anyone could forge it, it "
                   "is obeyed only at the exact sequence number that is expected next (RFC 5961).",
         .drop = {},
         .play = reset},
    };
    return all;
}

}  // namespace tern::tools
