// The handshakes that scripts about ECN begin with, so that each shows what it is about alone.
// Unless it is the subject, the peer's MSS is 1000, it has SACK, and no timestamps.
#pragma once

#include <string>

#include "lab/script/on_gtest.hh"

namespace tern::script::ecn {

// The three flags of a line, from their bits: 110 is "AW".
inline std::string letters(u8 ace) {
    std::string s;
    if (ace & 4) s += 'A';
    if (ace & 2) s += 'W';
    if (ace & 1) s += 'E';
    return s;
}

inline u8 asking(Ecn kind) { return kind == Ecn::Accurate ? 0b111 : 0b011; }
inline u8 agreeing(Ecn kind) { return kind == Ecn::Accurate ? 0b010 : 0b001; }

// --- the stack opens
// Our SYN has left, and asks for this kind.
inline void ask(Script& t, Ecn kind, Where at = Where::current()) {
    t.setup.tcp.ecn = kind;
    t.connect(at);
    t.expect(line("> [noecn] S" + letters(asking(kind)) + " 0:0(0)", at));
}

// What the peer's SYN-ACK has: flags, options beside MSS, and how it came.
struct SynAck {
    u8 ace = 0b010;
    std::string options = ",sackOK";
    std::string mark{};  // "[ce] "
};

inline void answer(Script& t, const SynAck& a = {}, Where at = Where::current()) {
    t.inject(line("+10ms < " + a.mark + "S." + letters(a.ace) +
                      " 0:0(0) ack 1 win 65535 <mss 1000" + a.options + ">",
                  at));
}

// Agreed: the stack's ACK has left. The options are the SYN-ACK's.
inline void open(Script& t, Ecn kind, const std::string& options = ",sackOK",
                 Where at = Where::current()) {
    ask(t, kind, at);
    answer(t, {agreeing(kind), options}, at);
    t.expect(
        line(kind == Ecn::Accurate ? "> [noecn] .W 1:1(0) ack 1" : "> [noecn] . 1:1(0) ack 1", at));
}

// --- the peer opens
// Its SYN has these flags; what answers it is still to be expected.
inline void syn(Script& t, u8 ace, const std::string& mark = {}, Where at = Where::current()) {
    t.inject(line("< " + mark + "S" + letters(ace) + " 0:0(0) win 65535 <mss 1000,sackOK>", at));
}

// The stack has agreed; the last ACK is still to come.
inline void asked(Script& t, Ecn kind, Where at = Where::current()) {
    syn(t, asking(kind), {}, at);
    t.expect(line("> [noecn] S." + letters(agreeing(kind)) + " 0:0(0) ack 1", at));
}

inline void accept(Script& t, Ecn kind, Where at = Where::current()) {
    t.listen(at);
    asked(t, kind, at);
    t.inject(kind == Ecn::Accurate ? line("< .W 1:1(0) ack 1 win 65535 <ECN0 e0b 1>", at)
                                   : line("< . 1:1(0) ack 1 win 65535", at));
    t.accept(at);
}

// The connection is over and forgotten, whatever it has sent; the next one may begin.
inline void drop(Script& t) {
    t.app.abort();
    t.app.release();
    t.ignore_output();
}

}  // namespace tern::script::ecn
