// A server under a ceiling, an honest client and an enemy. Each has a pool of its own, as on
// different machines: a frame for which the receiver has no buffer is lost.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "core/base/endian.hh"
#include "core/base/random.hh"
#include "support/pair.hh"

namespace tern::siege {

using namespace std::chrono_literals;

inline constexpr Ipv4Address k_server{10, 0, 0, 1}, k_honest{10, 0, 0, 2}, k_enemy{10, 0, 0, 3};
inline constexpr u16 k_echo = 7, k_victim = 80;  // ports

// TERN_LONG=1: with the numbers of a real attack.
inline u32 scaled(u32 few, u32 many) {
    const char* wanted = std::getenv("TERN_LONG");  // ./test sets it empty
    return wanted != nullptr && *wanted != '\0' ? many : few;
}

struct Host {
    Host(Ipv4Address address, u64 seed, u64 limit, const Limits& limits = {})
        : stack(config(seed, limit, limits)) {
        InterfaceConfig link;
        link.medium = Medium::Ip;
        on = stack.add_interface(link).value();
        EXPECT_TRUE(stack.add_address(on, {address, 8}).has_value());
    }
    Stack stack;
    Interface on;

private:
    static StackConfig config(u64 seed, u64 limit, const Limits& limits) {
        StackConfig c;
        c.seed = seed;
        c.memory_limit = limit;
        c.limits = limits;
        return c;
    }
};

class Siege {
public:
    explicit Siege(u64 limit, u32 syn_backlog = 1024)
        : limit_(limit), server(k_server, 1, limit), honest(k_honest, 2, u64{64} << 20),
          enemy(k_enemy, 3, u64{4} << 30) {
        EXPECT_TRUE(enemy.stack.add_prefix(enemy.on, *Cidr::parse("10.64.0.0/10")));
        ListenOptions o;
        o.local.port = k_echo;
        EXPECT_TRUE(server.stack.tcp().listen(o).has_value());
        o.local.port = k_victim;
        o.backlog = 1u << 24;
        o.syn_backlog = syn_backlog;
        victim = *server.stack.tcp().listen(o);
        friend_ = dial();
        round();
        round();
        EXPECT_EQ(honest.stack.tcp().status(friend_)->state, State::Established);
    }

    // What the server's application does with the connections of its victim port.
    std::function<void(TcpConnection)> on_accept = [](TcpConnection) {};
    bool accepts = true;
    // The enemy's frames on their way; false: this one is lost.
    std::function<bool(const Packet&)> enemy_loses_not = [](const Packet&) { return true; };

    TcpConnection dial() { return *honest.stack.tcp().connect({k_server, k_echo}); }
    TcpConnection friendly() const { return friend_; }
    Result<TcpConnection> attack(u32 n, const TcpOptions& options = {}) {
        ConnectOptions o;
        o.options = options;
        o.local_address = Ipv4Address{(u32{10} << 24 | 64u << 16) + n % (1u << 22)};
        return enemy.stack.tcp().connect({k_server, k_victim}, o);
    }

    // What the enemy does besides, in each round.
    std::function<void()> on_round = [] {};

    // A millisecond: everybody's timers, everybody's frames, the applications.
    void round() {
        now += 1ms;
        on_round();
        for (Host* h : {&server, &honest, &enemy}) h->stack.advance(now);
        for (int turn = 0; turn < 4; ++turn) {
            carry(honest, server, [](const Packet&) { return true; });
            carry(enemy, server, enemy_loses_not);
            serve();
            deliver_from_server();
        }
        EXPECT_LE(server.stack.memory_used(), limit_);
    }
    // A raw frame for the server, as the enemy's machine can send any.
    void throw_at_server(std::span<const u8> bytes) {
        PacketBatch batch;
        if (Packet p = server.stack.pool().copy_of(std::as_bytes(bytes))) batch.push(std::move(p));
        server.stack.receive(now, server.on, std::move(batch));
        ASSERT_LE(server.stack.memory_used(), limit_);
    }

    // The honest client sends `bytes` on its old connection and wants them back, in `rounds`
    // milliseconds; so many were.
    u32 echo(u32 bytes, u32 rounds) {
        const u32 back = echo(friend_, bytes, rounds);
        if (back < bytes) explain(friend_);
        return back;
    }
    u32 echo(TcpConnection c, u32 bytes, u32 rounds) {
        u32 sent = 0, back = 0;
        std::vector<std::byte> buffer(64 * 1024);
        for (u32 r = 0; r < rounds && back < bytes; ++r) {
            const u32 next = std::min<u32>(bytes - sent, static_cast<u32>(buffer.size()));
            for (u32 i = 0; i < next; ++i) buffer[i] = pattern(sent + i);
            if (next > 0)
                if (const auto n = honest.stack.tcp().send(c, std::span(buffer).first(next)))
                    sent += static_cast<u32>(*n);
            round();
            while (const auto n = honest.stack.tcp().receive(c, buffer)) {
                for (u32 i = 0; i < *n; ++i) EXPECT_EQ(buffer[i], pattern(back + i));
                back += static_cast<u32>(*n);
            }
        }
        return back;
    }
    // Why it did not work.
    void explain(TcpConnection c) {
        const auto st = *honest.stack.tcp().status(c);
        const Tcp::Count n = server.stack.tcp().count();
        std::string text =
            "the client: " + std::string(name_of(st.limited_by)) + ", cwnd " +
            std::to_string(st.cwnd) + ", window " + std::to_string(st.snd_wnd) + ", backoff " +
            std::to_string(st.backoff) + ", retransmissions " + std::to_string(st.retransmissions) +
            "; the server: memory " + std::to_string(server.stack.memory_used()) + " of " +
            std::to_string(limit_) + ", connections " + std::to_string(n.connections) +
            ", packets " + std::to_string(server.stack.pool().packets_in_use());
        for (u32 r = 0; r < k_drop_reason_count; ++r)
            if (const u64 d = server.stack.counters().drops[r])
                text += ", " + std::string(name_of(static_cast<DropReason>(r))) + " " +
                        std::to_string(d);
        ADD_FAILURE() << text;
    }
    // A new honest client comes, and is served within so many milliseconds.
    bool newcomer(u32 rounds) {
        const TcpConnection c = dial();
        const bool served = echo(c, 1000, rounds) == 1000;
        (void)honest.stack.tcp().abort(c);
        honest.stack.tcp().release(c);
        round();
        return served;
    }
    u64 drops(DropReason r) const { return server.stack.counters().dropped(r); }

    u64 limit_;
    Instant now = Instant{} + 1h;
    Host server, honest, enemy;
    TcpListener victim;

private:
    static std::byte pattern(u32 at) { return static_cast<std::byte>(at * 31 + (at >> 8)); }

    template <class Passes>
    void carry(Host& from, Host& to, Passes&& passes) {
        for (int i = 0; i < 16; ++i) {
            PacketBatch batch = from.stack.transmit(now, from.on), copies;
            if (batch.empty()) return;
            for (u32 k = 0; k < batch.size(); ++k) {
                const Packet p = batch.take(k);
                if (!passes(p)) continue;
                if (Packet copy = to.stack.pool().copy_of(p.bytes())) copies.push(std::move(copy));
            }
            to.stack.receive(now, to.on, std::move(copies));
        }
    }
    void deliver_from_server() {
        for (int i = 0; i < 64; ++i) {
            PacketBatch batch = server.stack.transmit(now, server.on), left, right;
            if (batch.empty()) return;
            for (u32 k = 0; k < batch.size(); ++k) {
                const Packet p = batch.take(k);
                const bool ours = load32(p.data() + 16) == k_honest.value;
                Host& to = ours ? honest : enemy;
                if (Packet copy = to.stack.pool().copy_of(p.bytes()))
                    (ours ? left : right).push(std::move(copy));
            }
            honest.stack.receive(now, honest.on, std::move(left));
            enemy.stack.receive(now, enemy.on, std::move(right));
        }
    }
    void serve() {
        Tcp& tcp = server.stack.tcp();
        while (const auto e = server.stack.next_event()) {
            if (e->kind == Event::Kind::Listener) {
                const bool of_victim = e->listener() == victim;
                if (of_victim && !accepts) continue;
                while (const auto c = tcp.accept(e->listener()))
                    of_victim ? on_accept(*c) : (void)echoing_.insert({c->index, *c});
            }
            if (e->kind == Event::Kind::Tcp && e->bits & Closed && echoing_.erase(e->index) != 0)
                tcp.release(e->connection());
        }
        for (auto& [index, c] : echoing_) echo_on_server(c);
    }
    void echo_on_server(TcpConnection c) {
        std::vector<std::byte>& held = held_[c.index];
        Tcp& tcp = server.stack.tcp();
        for (;;) {
            if (held.empty()) {
                held.resize(16 * 1024);
                const auto n = tcp.receive(c, held);
                held.resize(n ? *n : 0);
                if (held.empty()) return;
            }
            const auto n = tcp.send(c, held);
            if (!n) return;
            held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(*n));
            if (!held.empty()) return;
        }
    }

    TcpConnection friend_;
    std::map<Index, TcpConnection> echoing_;
    std::map<Index, std::vector<std::byte>> held_;
};

// An IPv4 header with a right checksum, and what follows it.
inline std::vector<u8> frame(u32 from, u16 fragment, u8 protocol, std::span<const u8> payload) {
    std::vector<u8> f = {
        0x45, 0,        0, 0, 0, 7, static_cast<u8>(fragment >> 8), static_cast<u8>(fragment),
        64,   protocol, 0, 0};
    for (const u32 address : {from, k_server.value})
        for (int shift = 24; shift >= 0; shift -= 8) f.push_back(static_cast<u8>(address >> shift));
    f.insert(f.end(), payload.begin(), payload.end());
    f[2] = static_cast<u8>(f.size() >> 8);
    f[3] = static_cast<u8>(f.size());
    u32 sum = 0;
    for (u32 i = 0; i < 20; i += 2) sum += u32{f[i]} << 8 | f[i + 1];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    f[10] = static_cast<u8>(~sum >> 8);
    f[11] = static_cast<u8>(~sum);
    return f;
}
inline std::vector<u8> tcp_segment(u32 from, u16 port, u32 seq, u32 ack, u8 flags, u16 to_port,
                                   u32 payload = 0) {
    std::vector<u8> t(20 + payload);
    store16(t.data(), port);
    store16(t.data() + 2, to_port);
    store32(t.data() + 4, seq);
    store32(t.data() + 8, ack);
    t[12] = 0x50;
    t[13] = flags;
    store16(t.data() + 14, 65535);
    u64 sum = (from >> 16) + (from & 0xffff) + (k_server.value >> 16) + (k_server.value & 0xffff) +
              6 + t.size();
    for (u32 i = 0; i < 20; i += 2) sum += u64{t[i]} << 8 | t[i + 1];  // the text is zeros
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    store16(t.data() + 16, static_cast<u16>(~sum));
    return frame(from, 0x4000, 6, t);
}

}  // namespace tern::siege
