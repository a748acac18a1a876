// What the stack has sent, against what the script says. Every packet is also checked for what no
// script has to say: checksums, and payload that is the application's stream.
#include <algorithm>

#include "lab/script/inside.hh"
#include "lab/trace/line_text.hh"

namespace tern::script {

namespace {

constexpr u16 k_only_on_last = wire::Psh | wire::Fin;

bool same_options(const wire::PacketLine& wanted, const wire::PacketLine& got, bool timestamps) {
    if (wanted.has_mss != got.has_mss || (wanted.has_mss && wanted.mss != got.mss)) return false;
    if (wanted.sack_permitted != got.sack_permitted) return false;
    if (wanted.has_window_scale != got.has_window_scale) return false;
    if (wanted.has_window_scale && wanted.window_scale != got.window_scale) return false;
    if (wanted.sack_count != got.sack_count) return false;
    if (wanted.acc_ecn_order != 0xff &&
        (wanted.acc_ecn_order != got.acc_ecn_order || wanted.acc_ecn_count != got.acc_ecn_count ||
         wanted.acc_ecn != got.acc_ecn))
        return false;
    if (!std::equal(wanted.sack.begin(), wanted.sack.begin() + wanted.sack_count, got.sack.begin()))
        return false;
    // Timestamps that were negotiated need no mention on each line.
    if (!wanted.has_timestamps) return timestamps || !got.has_timestamps;
    return got.has_timestamps && wanted.ts_val == got.ts_val && wanted.ts_ecr == got.ts_ecr;
}

// The fields that every segment of a range shares.
const char* first_difference(const wire::PacketLine& wanted, const wire::PacketLine& got,
                             bool timestamps) {
    if (wanted.has_mark && wanted.mark != got.mark) return "mark";
    if (wanted.has_ack && (!got.has_ack || wanted.ack != got.ack)) return "ack";
    if (wanted.has_window && wanted.window != got.window) return "win";
    if (wanted.has_urgent && wanted.urgent != got.urgent) return "urg";
    if (wanted.has_options && !same_options(wanted, got, timestamps)) return "options";
    return nullptr;
}

std::string checksum_error(const trace::FrameView& v, bool checksum_partial) {
    if (checksum_partial || trace::checksums_hold(v)) return {};
    return "a checksum of it is wrong";
}

// The payload against the application's stream; empty: it is right.
std::string payload_error(const trace::FrameView& v, const wire::PacketLine& line,
                          const Flow& flow) {
    const std::string_view got{reinterpret_cast<const char*>(v.payload.data()), v.payload.size()};
    if (got.empty() || (line.flags & wire::Rst) != 0) return {};
    const u32 offset = (line.flags & wire::Syn) != 0 ? line.seq : line.seq - 1;
    // A keep-alive may carry one byte of garbage in front of the stream (RFC 9293 3.8.4).
    if (offset >= flow.written.size() || offset + got.size() > flow.written.size())
        return got.size() == 1 ? std::string{} : "it carries bytes that were never written";
    const std::string_view want = std::string_view{flow.written}.substr(offset, got.size());
    const auto at = std::mismatch(want.begin(), want.end(), got.begin());
    if (at.first == want.end()) return {};
    return "its payload differs from what was written at offset " +
           std::to_string(offset + static_cast<u32>(at.first - want.begin()));
}

}  // namespace

std::string Script::difference(const wire::PacketLine& wanted, const Sent& got) const {
    if (got.flow == nullptr) return "another kind of packet";
    if (got.flow != inside_->flow)
        return "it belongs to ports " + std::to_string(got.flow->local_port) + " and " +
               std::to_string(got.flow->remote_port);
    if (std::string bad = checksum_error(got.view, got.checksum_partial); !bad.empty()) return bad;
    if (std::string bad = payload_error(got.view, got.line, *got.flow); !bad.empty()) return bad;
    if (const char* field = first_difference(wanted, got.line, got.flow->timestamps()))
        return std::string{field} + " differs";
    return {};
}

// Takes as many packets as make up the range of `wanted`.
wire::PacketLine Script::match(const wire::PacketLine& wanted, Instant at, Where where) {
    Inside& in = *inside_;
    std::string wish = wire::print_line(wanted);
    if (wanted.has_direction && !wanted.outbound) fail("expect() wants a line with '>'", where);
    const auto refuse = [&](const std::string& got) {
        fail("expected: " + wish + "\n     got: " + got, where);
    };
    u32 next = wanted.seq;
    for (u32 pieces = 0;; ++pieces) {
        if (in.sent.empty())
            refuse(pieces == 0 ? "nothing"
                               : "nothing more, after " + std::to_string(next) + " was reached");
        const Sent& s = in.sent.front();
        const std::string got = "> " + s.text;
        if (const std::string why = difference(wanted, s); !why.empty())
            refuse(got + "\n          " + why);
        if (s.at != at)
            refuse(got + "\n          it left " +
                   (s.at < at ? duration_text(at - s.at) + " earlier"
                              : duration_text(s.at - at) + " later"));
        if (s.line.seq != next) refuse(got + "\n          seq differs");
        next += s.line.length;
        const u32 left = wanted.seq_end - next;
        if (static_cast<i32>(left) < 0) refuse(got + "\n          it ends behind the range");
        const bool last = left == 0;
        const u16 allowed = last ? u16{0} : k_only_on_last;
        if ((s.line.flags | allowed) != (wanted.flags | allowed))
            refuse(got + "\n          flags differ");
        if (!last && s.line.length == 0) refuse(got + "\n          it carries no data");
        const wire::PacketLine line = s.line;
        in.sent.pop_front();
        if (last) return line;
    }
}

wire::PacketLine Script::expect(const Line& line) {
    start();
    const Instant at = time_of(line.fields());
    run_until(at);
    return match(line.fields(), at, line.where());
}

wire::PacketLine Script::expect_at(Duration since_start, const Line& line) {
    start();
    const Instant at = inside_->start + since_start;
    if (at < inside_->now) fail("expect_at() names a time that has passed", line.where());
    run_until(at);
    return match(line.fields(), at, line.where());
}

Duration Script::expect_within(Duration at_most, const Line& line) {
    start();
    Inside& in = *inside_;
    const Instant from = in.now;
    run_until(from);
    while (in.sent.empty()) {
        const Instant due = in.stack->next_deadline();
        if (due > from + at_most) {
            run_until(from + at_most);
            break;
        }
        run_until(std::max(due, in.now));
    }
    const Instant at = in.sent.empty() ? in.now : in.sent.front().at;
    if (at < from) fail("expect_within(): a packet left before it was called", line.where());
    match(line.fields(), at, line.where());
    return at - from;
}

void Script::expect_icmp(u8 type, u8 code, Where at) {
    run_until(inside_->now);
    Inside& in = *inside_;
    const std::string wish =
        "expected: ICMP " + std::to_string(type) + "/" + std::to_string(code) + "\n     got: ";
    if (in.sent.empty()) fail(wish + "nothing", at);
    const Sent& s = in.sent.front();
    if (s.view.kind != trace::FrameView::Kind::Icmp || s.view.icmp_type != type ||
        s.view.icmp_code != code || !trace::checksums_hold(s.view))
        fail(wish + "> " + s.text, at);
    in.sent.pop_front();
}

std::optional<wire::PacketLine> Script::next() {
    run_until(inside_->now);
    Inside& in = *inside_;
    if (in.sent.empty()) return {};
    const wire::PacketLine line = in.sent.front().line;
    in.sent.pop_front();
    return line;
}

std::string Script::next_raw(Where at) {
    run_until(inside_->now);
    Inside& in = *inside_;
    if (in.sent.empty()) fail("expected: a packet\n     got: nothing", at);
    const auto& bytes = in.sent.front().bytes;
    std::string raw{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    in.sent.pop_front();
    return raw;
}

}  // namespace tern::script
