// The parser behind packet_line.hh, one function per part of the line, left to right. All of it is
// constexpr, so that the compiler reads the scripts' lines. Include packet_line.hh instead.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "core/wire/packet_line.hh"

namespace tern::wire {

// Not constexpr on purpose: reaching it stops the compiler, and the trace that it prints holds the
// reason. It is never called at run time.
void wrong_packet_line(const char* reason);

class LineParser {
public:
    constexpr explicit LineParser(std::string_view text) : text_(text) {}

    // Every part returns false once a reason is known.
    constexpr bool run() {
        skip_spaces();
        return time() && direction() && mark() && flags() && range() && fields();
    }
    constexpr const PacketLine& line() const { return line_; }
    constexpr const char* reason() const { return reason_; }
    std::string message() const { return "column " + std::to_string(column_) + ": " + reason_; }

private:
    // --- failing
    constexpr bool fail_at(std::size_t at, const char* reason) {
        if
            consteval { wrong_packet_line(reason); }
        reason_ = reason;
        column_ = at + 1;
        return false;
    }
    constexpr bool fail(const char* reason) { return fail_at(at_, reason); }

    // --- characters
    constexpr bool done() const { return at_ == text_.size(); }
    constexpr char peek() const { return done() ? '\0' : text_[at_]; }
    constexpr bool take(char c) {
        if (peek() != c || done()) return false;
        ++at_;
        return true;
    }
    constexpr void skip_spaces() {
        while (peek() == ' ' || peek() == '\t') ++at_;
    }
    constexpr bool spaces(const char* reason) {
        if (!done() && peek() != ' ' && peek() != '\t') return fail(reason);
        skip_spaces();
        return true;
    }
    static constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
    static constexpr bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    constexpr std::string_view word() {
        const std::size_t begin = at_;
        while (is_letter(peek())) ++at_;
        return text_.substr(begin, at_ - begin);
    }
    template <class T>
    constexpr bool number(T& out) {
        const std::size_t begin = at_;
        u64 value = 0;
        for (; is_digit(peek()); ++at_) {
            value = value * 10 + static_cast<u64>(peek() - '0');
            if (value > std::numeric_limits<T>::max())
                return fail_at(begin, "number too large for its field");
        }
        if (at_ == begin) return fail("number expected");
        out = static_cast<T>(value);
        return true;
    }
    // A word, spaces, a number: "ack 1".
    template <class T>
    constexpr bool number_behind_word(T& out) {
        return spaces("space expected") && number(out);
    }

    // --- [+100ms], [+.1], [250us]: from the line before; seconds when no unit is there
    constexpr bool time() {
        const bool plus = take('+');
        if (!plus && !is_digit(peek())) return true;
        const std::size_t begin = at_;
        u64 whole = 0, fraction = 0, scale = 1;
        const bool has_whole = is_digit(peek());
        if (has_whole && !digits(whole)) return false;
        const bool has_fraction = take('.');
        if (has_fraction && (!is_digit(peek()) || !digits(fraction, &scale)))
            return reason_ != nullptr ? false : fail("number expected");
        if (!has_whole && !has_fraction) return fail("time expected behind '+'");

        u64 unit = 1'000'000'000;
        const std::size_t unit_at = at_;
        if (const std::string_view name = word(); !name.empty()) {
            unit = unit_of(name);
            if (unit == 0) return fail_at(unit_at, "unit of time must be s, ms, us or ns");
        } else if (!plus) {
            return fail_at(begin, "a time needs '+' in front or a unit behind");
        }
        constexpr u64 k_most = 9'000'000'000'000'000'000;
        if (whole > k_most / unit - 1) return fail_at(begin, "time too large");
        if (fraction * unit % scale != 0) return fail_at(begin, "time finer than a nanosecond");
        line_.has_time = true;
        line_.time_ns = static_cast<i64>(whole * unit + fraction * unit / scale);
        return spaces("space expected behind the time");
    }
    // Up to nine digits behind a point, nineteen in front: products stay below 2^64.
    constexpr bool digits(u64& value, u64* scale = nullptr) {
        const std::size_t begin = at_;
        for (; is_digit(peek()); ++at_) {
            value = value * 10 + static_cast<u64>(peek() - '0');
            if (scale != nullptr) *scale *= 10;
            if (at_ - begin >= (scale != nullptr ? 9u : 19u))
                return fail_at(begin, "time with too many digits");
        }
        return true;
    }
    static constexpr u64 unit_of(std::string_view name) {
        if (name == "s") return 1'000'000'000;
        if (name == "ms") return 1'000'000;
        if (name == "us") return 1'000;
        return name == "ns" ? 1 : 0;
    }

    // --- ['<' | '>']
    constexpr bool direction() {
        if (peek() != '<' && peek() != '>') return true;
        line_.has_direction = true;
        line_.outbound = peek() == '>';
        ++at_;
        return spaces("space expected behind the direction");
    }

    // --- ['[' mark ']']
    constexpr bool mark() {
        if (!take('[')) return true;
        const std::size_t begin = at_;
        while (!done() && peek() != ']') ++at_;
        const std::string_view name = text_.substr(begin, at_ - begin);
        if (!take(']')) return fail("']' expected behind the mark");
        for (std::size_t i = 0; i < k_mark_names.size(); ++i) {
            if (name != k_mark_names[i]) continue;
            line_.has_mark = true;
            line_.mark = static_cast<u8>(i);
            return spaces("space expected behind the mark");
        }
        return fail_at(begin, "mark must be noecn, ect1, ect0 or ce");
    }

    // --- flags: letters and '.', or '-' alone
    static constexpr u16 flag_of(char c) {
        switch (c) {
            case 'S': return Syn;
            case 'F': return Fin;
            case 'R': return Rst;
            case 'P': return Psh;
            case '.': return Ack;
            case 'U': return Urg;
            case 'E': return Ece;
            case 'W': return Cwr;
            case 'A': return Ae;
            default: return 0;
        }
    }
    constexpr bool flags() {
        if (done()) return fail("flags expected");
        if (take('-')) return spaces("space expected behind the flags");
        for (; !done() && peek() != ' ' && peek() != '\t'; ++at_) {
            const u16 flag = flag_of(peek());
            if (flag == 0) return fail("flag must be one of S F R P U E W A . or '-' for none");
            if (line_.flags & flag) return fail("flag given twice");
            line_.flags = static_cast<u16>(line_.flags | flag);
        }
        skip_spaces();
        return true;
    }

    // --- first:end(length)
    constexpr bool range() {
        const std::size_t begin = at_;
        if (!is_digit(peek())) return fail("seq range expected: first:end(length)");
        if (!number(line_.seq)) return false;
        if (!take(':')) return fail("':' expected in the seq range");
        if (!number(line_.seq_end)) return false;
        if (!take('(')) return fail("'(' expected in the seq range");
        if (!number(line_.length)) return false;
        if (!take(')')) return fail("')' expected in the seq range");
        if (line_.seq_end - line_.seq != line_.length)
            return fail_at(begin, "seq range and length disagree");
        return spaces("space expected behind the seq range");
    }

    // --- [ack N] [win N] [urg N] [<options>]
    constexpr bool fields() {
        while (!done()) {
            if (take('<')) return options() && end();
            const std::size_t begin = at_;
            const std::string_view name = word();
            bool ok = false;
            if (name == "ack")
                ok = acked(begin) && once(line_.has_ack, begin) && number_behind_word(line_.ack);
            else if (name == "win")
                ok = once(line_.has_window, begin) && number_behind_word_16(line_.window);
            else if (name == "urg")
                ok = once(line_.has_urgent, begin) && number_behind_word_16(line_.urgent);
            else
                return fail_at(begin, "ack, win, urg or '<' expected");
            if (!ok || !spaces("space expected behind the number")) return false;
        }
        return true;
    }
    constexpr bool acked(std::size_t begin) {
        return (line_.flags & Ack) || fail_at(begin, "ack without '.' among the flags");
    }
    constexpr bool once(bool& seen, std::size_t begin) {
        if (seen) return fail_at(begin, "given twice");
        seen = true;
        return true;
    }
    constexpr bool number_behind_word_16(u32& out) {
        u16 value = 0;
        if (!number_behind_word(value)) return false;
        out = value;
        return true;
    }
    constexpr bool end() {
        skip_spaces();
        return done() || fail("nothing may follow the options");
    }

    // --- option {',' option} '>', or "...>" for any options
    constexpr bool options() {
        skip_spaces();
        if (text_.substr(at_).starts_with("...>")) {
            at_ += 4;
            return true;
        }
        line_.has_options = true;
        if (take('>')) return true;
        for (;;) {
            skip_spaces();
            if (!option()) return false;
            skip_spaces();
            if (take('>')) return true;
            if (!take(',')) return fail("',' or '>' expected behind an option");
        }
    }
    constexpr bool option() {
        const std::size_t begin = at_;
        const std::string_view name = word();
        if (name == "mss") return once(line_.has_mss, begin) && number_behind_word(line_.mss);
        if (name == "wscale")
            return once(line_.has_window_scale, begin) && number_behind_word(line_.window_scale);
        if (name == "sackOK") return once(line_.sack_permitted, begin);
        if (name == "TS") return once(line_.has_timestamps, begin) && timestamps();
        if (name == "sack") return sack(begin);
        if (name == "ECN") return acc_ecn(begin);
        if (name == "nop" || name == "eol") return true;
        return fail_at(begin,
                       "option must be mss, wscale, sackOK, sack, TS, ECN0, ECN1, nop or eol");
    }
    constexpr bool timestamps() {
        skip_spaces();
        if (word() != "val") return fail("'val' expected behind TS");
        if (!number_behind_word(line_.ts_val)) return false;
        skip_spaces();
        if (word() != "ecr") return fail("'ecr' expected behind TS val");
        return number_behind_word(line_.ts_ecr);
    }
    constexpr bool sack(std::size_t begin) {
        if (line_.sack_count > 0) return fail_at(begin, "given twice");
        for (skip_spaces(); is_digit(peek()); skip_spaces()) {
            if (line_.sack_count == line_.sack.size()) return fail("at most four SACK blocks");
            auto& block = line_.sack[line_.sack_count++];
            if (!number(block[0])) return false;
            if (!take(':')) return fail("':' expected in a SACK block");
            if (!number(block[1])) return false;
        }
        return line_.sack_count > 0 || fail("SACK block expected: left:right");
    }

    // "ECN0 e0b 1 ceb 0": counters in the order of the option, from the left.
    constexpr bool acc_ecn(std::size_t begin) {
        if (line_.acc_ecn_order != 0xff) return fail_at(begin, "given twice");
        if (peek() != '0' && peek() != '1') return fail("ECN0 or ECN1 expected");
        line_.acc_ecn_order = peek() == '0' ? 0 : 1;
        ++at_;
        for (skip_spaces(); is_letter(peek()); skip_spaces()) {
            u8& count = line_.acc_ecn_count;
            if (count == line_.acc_ecn.size()) return fail("at most three counters");
            const std::string_view name = acc_ecn_name(line_.acc_ecn_order, count);
            if (text_.substr(at_, name.size()) != name) return fail("counters in another order");
            at_ += name.size();
            if (!number_behind_word(line_.acc_ecn[count])) return false;
            if (line_.acc_ecn[count++] > 0xffffff) return fail("a counter has 24 bits");
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t column_ = 0;
    const char* reason_ = nullptr;
    PacketLine line_;
};

}  // namespace tern::wire
