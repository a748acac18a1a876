// RFC 7413: data in SYN. A server takes it from who shows a cookie, which proves that an earlier
// SYN-ACK reached that address; so nobody is answered at length whose address is a lie.
#include <bit>

#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u64 k_purpose = 0x7466'6f00;  // keeps these apart from SYN cookies, which share the key

u32 key_period(const Room& room) {
    using namespace std::chrono;
    const auto life = duration_cast<seconds>(room.cx.limits.tcp_fast_open_key_life).count();
    return room.now_second() / static_cast<u32>(std::clamp<i64>(life, 1, 0x7fffffff));
}

// RFC 7413 4.1.2 [RFC7413:3]: a MAC of the client's address, by a key that changes with the period.
FastOpenCookie cookie_of(const Room& room, const FlowKey& key, u32 period) {
    u64 words[2];
    std::memcpy(words, key.remote, sizeof words);
    return std::bit_cast<FastOpenCookie>(
        siphash24_words(room.cookie_key, k_purpose << 32 | period, words[0], words[1]));
}

bool shows(const wire::TcpOptions& o, const FastOpenCookie& cookie) {
    return o.fast_open_length == cookie.bytes.size() &&
           std::memcmp(o.fast_open.data(), cookie.bytes.data(), cookie.bytes.size()) == 0;
}

// RFC 7413 5.1 [RFC7413:4]: what a RST ended counts as long as it could have gone on; otherwise
// SYNs from a victim's address, which the victim resets, would cost their sender no place.
bool has_place(Room& room, Listener& l) {
    while (l.fast_open_resets != 0) {
        const FastOpenReset& oldest = room.fast_open_resets[l.fast_open_resets];
        if (static_cast<i32>(oldest.until - room.now_second()) > 0) break;
        const Handle<FastOpenReset> gone = std::exchange(l.fast_open_resets, oldest.next);
        room.fast_open_resets.free(gone);
        --l.fast_open_pending;
    }
    return l.fast_open_pending < l.fast_open_limit;
}

bool keep_place(Room& room, Listener& l) {
    const Handle<FastOpenReset> i = room.fast_open_resets.allocate();
    if (i == 0) return false;
    room.fast_open_resets[i].until = second_after(room, room.cx.limits.tcp_fast_open_reset_hold);
    (l.fast_open_resets != 0 ? room.fast_open_resets[l.fast_open_last_reset].next
                             : l.fast_open_resets) = i;
    l.fast_open_last_reset = i;
    return true;
}

void avoid(Room& room, const Tcb& tcb) {
    KnownHost* h = remember_host(room, tcb.key.remote_address());
    if (h == nullptr) return;
    h->cookie_length = 0;
    h->no_fast_open_until = second_after(room, room.cx.limits.tcp_fast_open_retry);
}

}  // namespace

FastOpenCookie fast_open_cookie(const Room& room, const FlowKey& key) {
    return cookie_of(room, key, key_period(room));
}

FastOpen judge_fast_open(Room& room, Listener& l, const FlowKey& key,
                         const wire::TcpOptions& options) {
    // RFC 7413 2 [RFC7413:1]: only where the application has asked for it.
    if (l.fast_open_limit == 0 || !options.has_fast_open) return FastOpen::No;
    const u32 period = key_period(room);
    const bool fresh = shows(options, cookie_of(room, key, period));
    if (!fresh && !shows(options, cookie_of(room, key, period - 1))) return FastOpen::WantsCookie;
    // RFC 7413 4.2 [RFC7413:4]: above the limit the handshake is the usual one.
    if (!has_place(room, l)) return FastOpen::No;
    return fresh ? FastOpen::Yes : FastOpen::YesAndRenew;
}

Verdict open_fast(Room& room, Handle<Listener> listener, const Embryo& e, Segment& seg,
                  FlowEntry replaces, bool renew) {
    const Handle<Tcb> i = promote(room, listener, e, seg, replaces, true);
    if (i == 0) return Verdict::drop(DropReason::MemoryCeiling);
    Tcb& tcb = room.tcbs[i];
    Cold& c = room.colds[tcb.cold];
    c.fast_open_pending = true;
    c.fast_open_cookie = renew;
    c.acc_ecn.path().test_anew();
    ++room.listeners[listener].fast_open_pending;
    tcb.snd.nxt = tcb.snd.max = tcb.snd.iss;  // the SYN-ACK is still to be sent
    tcb.window.begin(initial_window(room, eff_snd_mss(room, tcb)));
    learn_window(room, tcb, seg, false);
    tcb.set(k_read_armed | k_syn_due);
    want_output(room, tcb);
    seg.seq += 1;
    seg.flags &= static_cast<u16>(~wire::Syn);
    trim_to_window(room, tcb, seg);
    // What finds no room is not acknowledged, and comes again.
    if (seg.len > 0 && accept_bytes(room, tcb, seg) == DropReason::None) {
        c.fast_open_taken = true;
        ++room.cx.counters.tcp_fast_opens;
    }
    return Verdict::done();
}

bool opens_fast(const Room& room, const Tcb& tcb) {
    return tcb.cold != 0 && room.colds[tcb.cold].fast_open_pending;
}

void fast_open_over(Room& room, Tcb& tcb, Cause cause) {
    room.colds[tcb.cold].fast_open_pending = false;
    const Handle<Listener> listener =
        find_listener(room, tcb.key.local_address(), tcb.key.local_port);
    if (listener == 0 || room.listeners[listener].fast_open_pending == 0) return;
    Listener& l = room.listeners[listener];
    if (cause != Cause::Refused || !keep_place(room, l)) --l.fast_open_pending;
}

void forget_fast_opens(Room& room, Listener& l) {
    while (l.fast_open_resets != 0) {
        const Handle<FastOpenReset> gone = l.fast_open_resets;
        l.fast_open_resets = room.fast_open_resets[gone].next;
        room.fast_open_resets.free(gone);
    }
}

void prepare_fast_open(Room& room, Tcb& tcb) {
    const KnownHost* h = known_host(room, tcb.key.remote_address());
    room.colds[tcb.cold].fast_open_asks =
        h == nullptr || h->cookie_length != 0 || !is_ahead(room, h->no_fast_open_until);
    // RFC 7413 4.1.3 [RFC7413:6]: how long the data in SYN may be was learnt with the cookie.
    if (h != nullptr && h->cookie_length != 0) tcb.peer_mss = h->mss;
}

const KnownHost* fast_open_cookie_for(const Room& room, const Tcb& tcb) {
    if (tcb.cold == 0 || !room.colds[tcb.cold].fast_open_asks) return nullptr;
    const KnownHost* h = known_host(room, tcb.key.remote_address());
    return h != nullptr && h->cookie_length != 0 ? h : nullptr;
}

u32 fast_open_text(const Room& room, const Tcb& tcb) {
    constexpr u32 most_options = 40;
    const u32 fits = tcb.send_mss > most_options ? tcb.send_mss - most_options : 0;
    return std::min(queue_bytes(room, tcb), fits);
}

void fast_open_answered(Room& room, Tcb& tcb, const wire::TcpOptions& o) {
    if (tcb.cold == 0 || !std::exchange(room.colds[tcb.cold].fast_open_asks, false)) return;
    const KnownHost* before = known_host(room, tcb.key.remote_address());
    if (!o.has_fast_open || o.fast_open_length == 0) {
        // RFC 7413 4.1.3 [RFC7413:6]: who was asked for a cookie and has none is noted, too.
        if (before == nullptr || before->cookie_length == 0) avoid(room, tcb);
        return;
    }
    KnownHost* h = remember_host(room, tcb.key.remote_address());
    if (h == nullptr) return;
    h->no_fast_open_until = 0;
    h->mss = tcb.peer_mss;
    h->cookie_length = o.fast_open_length;
    h->cookie = o.fast_open;
}

// RFC 7413 4.2.2 [RFC7413:5]: the next SYN is a plain one. Something on the way may not like the
// option, so the server is spared it for a while.
void fast_open_unanswered(Room& room, Tcb& tcb) {
    if (tcb.state != State::SynSent || tcb.cold == 0) return;
    if (std::exchange(room.colds[tcb.cold].fast_open_asks, false)) avoid(room, tcb);
}

}  // namespace tern::tcp
