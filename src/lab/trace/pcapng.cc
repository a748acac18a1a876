// Blocks of draft-ietf-opsawg-pcapng in this machine's byte order: one section, an interface
// description at the first packet of each interface, enhanced packets.
#include "tern/pcapng.hh"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "lab/trace/frame_view.hh"
#include "lab/trace/reasons.hh"

namespace tern {

namespace {

constexpr u32 k_section = 0x0a0d0d0a, k_interface = 1, k_enhanced = 6;
constexpr u16 k_end = 0, k_comment = 1, k_if_name = 2, k_flags = 2, k_application = 4,
              k_time_resolution = 9;
constexpr u8 k_nanoseconds = 9;  // 10^-9
constexpr u32 k_inbound = 1, k_outbound = 2;
constexpr std::size_t k_held_max = 128;  // two batches
// For cutting super-segments: one of them and its pieces.
constexpr u64 k_scratch = u64{4} << 20;

// LINKTYPE_ETHERNET, LINKTYPE_RAW (draft-ietf-opsawg-pcaplinktype).
u16 link_type_of(Medium medium) {
    switch (medium) {
        case Medium::Ethernet: return 1;
        case Medium::Ip: return 101;
    }
    return 0;
}

// A block grows here and is written in one piece.
class Block {
public:
    explicit Block(u32 type) {
        add(type);
        add(u32{0});
    }
    template <class T>
    void add(T value) {
        append(&value, sizeof value);
    }
    void add_padded(const void* from, std::size_t n) {
        append(from, n);
        bytes_.resize((bytes_.size() + 3) / 4 * 4);
    }
    void option(u16 code, const void* from, std::size_t n) {
        n = std::min<std::size_t>(n, 0xffff);
        add(code);
        add(static_cast<u16>(n));
        add_padded(from, n);
    }
    void option(u16 code, const std::string& text) { option(code, text.data(), text.size()); }
    const std::vector<std::byte>& finish() {
        add(k_end);
        add(u16{0});
        const u32 length = static_cast<u32>(bytes_.size() + 4);
        add(length);
        std::memcpy(bytes_.data() + 4, &length, 4);
        return bytes_;
    }

private:
    void append(const void* from, std::size_t n) {
        const auto* at = static_cast<const std::byte*>(from);
        bytes_.insert(bytes_.end(), at, at + n);
    }
    std::vector<std::byte> bytes_;
};

struct Held {
    Instant at{};
    u32 interface = 0;  // number in the file
    u32 note = 0;
    bool outbound = false;
    std::vector<std::byte> bytes;
    u32 length = 0;  // before snap_length
    std::string comment;
    bool explained = false;
};

}  // namespace

class PcapngWriter::Inside {
public:
    Inside(std::FILE* file_, const PcapngOptions& o)
        : options(o), file(file_), budget_(k_scratch), pool_(budget_) {
        Block block{k_section};
        block.add(u32{0x1a2b3c4d});
        block.add(u16{1});
        block.add(u16{0});
        block.add(~u64{0});  // the section's length is not known
        block.option(k_application, options.application);
        write(block.finish());
    }

    void frame(const FrameEvent& e);
    void explain_arrival(u32 note, const std::string& text);
    void flush() {
        while (!held.empty()) write_front();
    }

    PcapngOptions options;
    std::FILE* file;
    std::map<u8, std::string> names;
    trace::Reasons reasons;
    std::deque<Held> held;
    bool good = true;
    u64 written = 0, left_out = 0;

private:
    void write(const std::vector<std::byte>& bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) good = false;
        size_ += bytes.size();
    }
    u32 interface_of(u8 index, Medium medium);
    void hold(const FrameEvent& e, std::span<const std::byte> bytes, std::string comment);
    void hold_pieces(const FrameEvent& e, const trace::FrameView& view, const std::string& why);
    void write_front();
    std::string outbound_comment(u32 note) const;

    u64 size_ = 0;
    MemoryBudget budget_;
    PacketPool pool_;
    std::map<std::pair<u8, Medium>, u32> interfaces_;
};

u32 PcapngWriter::Inside::interface_of(u8 index, Medium medium) {
    const auto next = static_cast<u32>(interfaces_.size());
    const auto [it, fresh] = interfaces_.try_emplace({index, medium}, next);
    if (!fresh) return it->second;
    Block block{k_interface};
    block.add(link_type_of(medium));
    block.add(u16{0});
    block.add(options.snap_length);
    const auto name = names.find(index);
    block.option(k_if_name, name != names.end() ? name->second : "if" + std::to_string(index));
    block.option(k_time_resolution, &k_nanoseconds, 1);
    write(block.finish());
    return it->second;
}

std::string PcapngWriter::Inside::outbound_comment(u32 note) const {
    const trace::Reason* reason = reasons.find(note);
    if (reason == nullptr) return {};
    std::string text = trace::explain(*reason);
    if (reason->tcp) text = std::string{name_of(reason->segment.state)} + ": " + text;
    return text;
}

void PcapngWriter::Inside::frame(const FrameEvent& e) {
    // What a stack sends comes after its verdicts; a packet that came may still wait for its own
    // while others of the batch arrive.
    if (e.outbound) flush();
    while (!held.empty() && (held.front().explained || held.size() >= k_held_max)) write_front();
    if (options.bytes_max != 0 && size_ >= options.bytes_max) {
        ++left_out;
        return;
    }
    const std::string why = e.outbound ? outbound_comment(e.note) : std::string{};
    const trace::FrameView view = trace::view_of(e);
    const bool transport =
        view.kind == trace::FrameView::Kind::Tcp || view.kind == trace::FrameView::Kind::Udp;
    if (transport && (e.gso_size != 0 || e.checksum_partial))
        hold_pieces(e, view, why);
    else
        hold(e, e.bytes, why);
    if (e.outbound) flush();
}

// Makes of the frame what the wire will see.
void PcapngWriter::Inside::hold_pieces(const FrameEvent& e, const trace::FrameView& view,
                                       const std::string& why) {
    Packet p = pool_.copy_of(e.bytes);
    if (!p) {
        ++left_out;
        return;
    }
    const u32 network = static_cast<u32>(view.network.data() - e.bytes.data());
    p->network = static_cast<u16>(p->begin + network);
    p->transport = static_cast<u16>(p->begin + network + view.transport);
    p->checksum = e.checksum_partial ? ChecksumState::Partial : ChecksumState::Unknown;
    const bool cut = e.gso_size != 0 && view.kind == trace::FrameView::Kind::Tcp;
    if (!cut) {
        offload::complete_checksum(p, e.medium);
        hold(e, p.bytes(), why);
        return;
    }
    p->gso_size = e.gso_size;
    const u32 pieces = std::max(1u, (view.length() + e.gso_size - 1) / e.gso_size);
    p->gso_segments = static_cast<u16>(pieces);
    Chain chain;
    left_out += offload::cut_segments(std::move(p), e.medium, chain);
    for (u32 n = 1; !chain.empty(); ++n) {
        const Packet piece = chain.pop_front();
        std::string text = why;
        if (pieces > 1)
            text += (text.empty() ? "piece " : "; piece ") + std::to_string(n) + " of " +
                    std::to_string(pieces) + " of one super-segment";
        hold(e, piece.bytes(), std::move(text));
    }
}

void PcapngWriter::Inside::hold(const FrameEvent& e, std::span<const std::byte> bytes,
                                std::string comment) {
    Held h;
    h.at = e.at;
    h.interface = interface_of(e.interface, e.medium);
    h.note = e.note;
    h.outbound = e.outbound;
    h.length = static_cast<u32>(bytes.size());
    if (options.snap_length != 0)
        bytes = bytes.first(std::min<std::size_t>(bytes.size(), options.snap_length));
    h.bytes.assign(bytes.begin(), bytes.end());
    h.comment = std::move(comment);
    held.push_back(std::move(h));
}

void PcapngWriter::Inside::explain_arrival(u32 note, const std::string& text) {
    if (note == 0) return;
    for (Held& h : held) {
        if (h.note != note || h.outbound || h.explained) continue;
        h.comment = h.comment.empty() ? text : text + "; " + h.comment;
        h.explained = true;
    }
}

void PcapngWriter::Inside::write_front() {
    const Held h = std::move(held.front());
    held.pop_front();
    Block block{k_enhanced};
    block.add(h.interface);
    const u64 time = static_cast<u64>(h.at.time_since_epoch().count() + options.epoch_ns);
    block.add(static_cast<u32>(time >> 32));
    block.add(static_cast<u32>(time));
    block.add(static_cast<u32>(h.bytes.size()));
    block.add(h.length);
    block.add_padded(h.bytes.data(), h.bytes.size());
    if (options.comments && !h.comment.empty()) block.option(k_comment, h.comment);
    const u32 flags = h.outbound ? k_outbound : k_inbound;
    block.option(k_flags, &flags, sizeof flags);
    write(block.finish());
    ++written;
}

PcapngWriter::PcapngWriter(std::FILE* file, const PcapngOptions& options)
    : inside_(std::make_unique<Inside>(file, options)) {}
PcapngWriter::~PcapngWriter() { flush(); }

void PcapngWriter::name_interface(u8 index, std::string name) {
    inside_->names[index] = std::move(name);
}
void PcapngWriter::on_frame(const FrameEvent& e) { inside_->frame(e); }
void PcapngWriter::on_segment_sent(const SegmentSentEvent& e) { inside_->reasons.sent(e); }
void PcapngWriter::on_packet_sent(const PacketSentEvent& e) { inside_->reasons.sent(e); }

void PcapngWriter::on_segment_arrived(const SegmentArrivedEvent& e) {
    std::string text{name_of(e.before)};
    if (e.after != e.before) text.append(" -> ").append(name_of(e.after));
    text += ": ";
    if (e.drop != DropReason::None)
        text.append("dropped: ").append(text_of(e.drop));
    else
        text += e.lacks_timestamp ? "accepted without the agreed timestamp" : "accepted";
    inside_->explain_arrival(e.note, text);
}

void PcapngWriter::on_drop(const DropEvent& e) {
    inside_->explain_arrival(e.note, std::string{"dropped: "}.append(text_of(e.reason)));
}

void PcapngWriter::flush() {
    inside_->flush();
    if (std::fflush(inside_->file) != 0) inside_->good = false;
}
bool PcapngWriter::good() const { return inside_->good; }
u64 PcapngWriter::packets_written() const { return inside_->written; }
u64 PcapngWriter::packets_left_out() const { return inside_->left_out; }

}  // namespace tern
