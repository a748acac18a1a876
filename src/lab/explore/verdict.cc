#include "lab/explore/verdict.hh"

namespace tern::explore {

namespace {

// Three losses in a row put off the SYN by 7 s; from then on nothing is in the way.
constexpr Duration k_promptly = std::chrono::seconds(10);

// Only closing: neither lets the other down, so nothing may be lost, however the network was.
bool peaceful(const Outcome& o) { return !o.a.aborted_itself && !o.b.aborted_itself; }

// Closed before it was open, or opened towards nobody: then there was no connection.
bool met(const Outcome& o) {
    return o.a.seen.was_in(State::Established) && o.b.seen.was_in(State::Established);
}

std::string of_records(Side& s) {
    const auto count = s.stack.tcp().count();
    if (count.connections + count.embryos + count.time_waits > 0)
        return s.name + " still has a record of the connection";
    if (s.seen.odd_step) return s.name + " changed to a state that figure 5 does not allow";
    if (s.seen.short_time_wait) return s.name + " left TIME-WAIT before 2MSL";
    return {};
}

std::string of_events(const Side& s, bool gave_up) {
    if (!s.connection || s.released) return {};
    if (s.closed > 1 || s.connected > 1) return s.name + " was told something twice";
    if (s.closed == 0) return s.name + " was never told that its connection is over";
    if (gave_up || s.error != Error::None) return {};
    const bool heard_fin = s.seen.was_in(State::CloseWait) || s.seen.was_in(State::Closing) ||
                           s.seen.was_in(State::TimeWait);
    if (heard_fin && !s.at_end) return s.name + " was never told that its peer has closed";
    if (s.seen.was_in(State::Established) && !s.accepted && s.connected == 0)
        return s.name + " was never told that it is connected";
    return {};
}

std::string of_bytes(const Side& to, const Side& from) {
    if (to.received > from.sent) return to.name + " received more than was sent";
    if (to.at_end && to.received < from.sent) return to.name + " saw an end before the last byte";
    return {};
}

std::string of_errors(const Outcome& o, const Side& s, const Side& peer) {
    if (s.error == Error::TimedOut) return s.name + " gave up waiting, though the network healed";
    if (s.closed > 0 && !o.gave_up && s.closed_at > o.departed + k_promptly)
        return s.name + " ended long after everything was in order";
    if (s.error == Error::Reset && !peer.seen.reset_sent) return s.name + " was reset by nobody";
    if (peaceful(o) && met(o) && s.error != Error::None && !o.gave_up)
        return s.name + " ended with an error, though both sides only closed";
    return {};
}

// RFC 9293 3.6: whose FIN went first waits, and only it.
std::string of_time_wait(const Side& s) {
    if (s.error != Error::None || s.gave_up || s.released) return {};
    const bool first = s.seen.was_in(State::FinWait1);
    const bool last = s.seen.was_in(State::LastAck);
    const bool waited = s.seen.was_in(State::TimeWait);
    if (first && !waited) return s.name + " closed first and was never in TIME-WAIT";
    if (last && waited) return s.name + " closed last and was in TIME-WAIT";
    return {};
}

}  // namespace

std::string verdict(const Outcome& o) {
    if (o.endless) return "the exchange does not end";
    // A connection whose peer is gone, and that has nothing to send, cannot know (RFC 9293 3.5.1).
    if (o.gave_up && !o.reset_lost) return "a connection is stuck, and no reset was lost";
    for (Side* s : {&o.a, &o.b}) {
        const Side& peer = s == &o.a ? o.b : o.a;
        for (const std::string& wrong :
             {of_events(*s, o.gave_up), of_records(*s), of_bytes(*s, peer), of_errors(o, *s, peer),
              of_time_wait(*s)})
            if (!wrong.empty()) return wrong;
    }
    const bool all_closed = peaceful(o) && met(o) && !o.gave_up;
    if (all_closed && !(o.a.at_end && o.b.at_end)) return "an end of the stream did not come";
    return {};
}

}  // namespace tern::explore
