// PcapngWriter: a capture in which every packet says why. Each packet carries a comment: for one
// that was sent the reason, for one that came what the stack made of it. Wireshark shows it as
// frame.comment. Super-segments are cut and checksums completed, as on the wire.
//   std::FILE* file = std::fopen("trace.pcapng", "wb");
//   PcapngWriter capture(file);
//   stack.set_observer(&capture);
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "tern/export.hh"
#include "tern/trace.hh"

namespace tern TERN_API {

// What goes into the file.
struct PcapngOptions {
    u32 snap_length = 0;  // bytes kept of each packet; 0: all
    u64 bytes_max = 0;    // size of the file above which packets are left out; 0: no limit
    bool comments = true;
    i64 epoch_ns = 0;  // Unix time of Instant{}, in nanoseconds
    std::string application = "tern";
};

// Writes on the thread of the stack that it observes.
class PcapngWriter final : public Observer {
public:
    // `file` stays the caller's; it is written in order and never read or moved back.
    // Close it after the writer is gone.
    explicit PcapngWriter(std::FILE* file, const PcapngOptions& options = {});
    ~PcapngWriter() override;  // flushes
    PcapngWriter(const PcapngWriter&) = delete;

    // What Wireshark calls an interface; before its first packet. Default: "if1", ...
    void name_interface(u8 index, std::string name);

    void on_frame(const FrameEvent& e) override;
    void on_segment_sent(const SegmentSentEvent& e) override;
    void on_segment_arrived(const SegmentArrivedEvent& e) override;
    void on_packet_sent(const PacketSentEvent& e) override;
    void on_drop(const DropEvent& e) override;

    // Packets that came are held until the stack has said what it made of them; this writes them.
    void flush();
    bool good() const;             // false: the file refused something
    u64 packets_written() const;   // held ones not included
    u64 packets_left_out() const;  // bytes_max was reached, or no memory to cut them

private:
    class TERN_LOCAL Inside;
    std::unique_ptr<Inside> inside_;
};

}  // namespace tern
