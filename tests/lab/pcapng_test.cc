// Captures of real conversations, read back block by block, and by tshark where it is installed.
#include "tern/pcapng.hh"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "lab/script/on_gtest.hh"
#include "lab/trace/frame_view.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using script::Script;

struct Captured {
    u64 time;
    std::string bytes;
    u32 original;
    std::string comment;
    u32 flags;
};

template <class T>
T at(const std::string& file, std::size_t offset) {
    T value{};
    EXPECT_LE(offset + sizeof value, file.size());
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

std::vector<Captured> read_capture(const std::string& file) {
    std::vector<Captured> all;
    for (std::size_t block = 0; block < file.size();) {
        const u32 type = at<u32>(file, block), length = at<u32>(file, block + 4);
        EXPECT_EQ(length % 4, 0u);
        EXPECT_EQ(at<u32>(file, block + length - 4), length);
        if (type == 6) {
            Captured c{};
            c.time = u64{at<u32>(file, block + 12)} << 32 | at<u32>(file, block + 16);
            const u32 size = at<u32>(file, block + 20);
            c.original = at<u32>(file, block + 24);
            c.bytes = file.substr(block + 28, size);
            std::size_t option = block + 28 + (size + 3) / 4 * 4;
            while (at<u16>(file, option) != 0) {
                const u16 code = at<u16>(file, option), n = at<u16>(file, option + 2);
                if (code == 1) c.comment = file.substr(option + 4, n);
                if (code == 2) c.flags = at<u32>(file, option + 4);
                option += 4 + (n + 3u) / 4 * 4;
            }
            EXPECT_EQ(option + 4, block + length - 4) << "options end where the block does";
            all.push_back(c);
        }
        block += length;
    }
    return all;
}

struct Capture {
    explicit Capture(const PcapngOptions& options = {}) {
        file = std::fopen(name.c_str(), "wb");
        writer = std::make_unique<PcapngWriter>(file, options);
    }
    ~Capture() {
        close();
        std::remove(name.c_str());
    }
    void close() {
        writer.reset();
        if (file != nullptr) std::fclose(file);
        file = nullptr;
    }
    std::string contents() {
        close();
        std::ifstream in(name, std::ios::binary);
        std::stringstream all;
        all << in.rdbuf();
        return all.str();
    }
    const std::string name = ::testing::TempDir() + "tern_" + std::to_string(getpid()) + "_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                             ".pcapng";
    std::FILE* file;
    std::unique_ptr<PcapngWriter> writer;
};

template <class Body>
void play(Capture& capture, Body body) {
    Script t;
    t.setup.segmentation = true;
    t.setup.transmit_checksum = true;
    t.setup.tcp.no_delay = true;
    t.setup.observer = capture.writer.get();
    body(t);
    t.ignore_output();
}

void conversation(Script& t) {
    t.passive_open({.mss = 1000, .timestamps = true, .initial_cwnd_segments = 10});
    t.app.write(9'500);
    t.expect("> P. 1:9501(9500) ack 1");
    t.inject("+10ms < . 1:1(0) ack 9501");
    t.inject("< . 1:1(0) ack 9501", {.bad_checksum = true});
    t.inject("< F. 1:1(0) ack 9501");
    t.expect("> . 9501:9501(0) ack 2");
}

TEST(Pcapng, EveryPacketIsWhatTheWireSeesAndSaysWhy) {
    Capture capture;
    play(capture, conversation);
    const auto packets = read_capture(capture.contents());
    ASSERT_EQ(packets.size(), 3u + 10 + 3 + 1);
    u32 wrong = 0;
    for (const Captured& c : packets) {
        const auto view = trace::view_of(std::as_bytes(std::span{c.bytes}), Medium::Ip);
        EXPECT_EQ(view.kind, trace::FrameView::Kind::Tcp);
        EXPECT_LE(view.length(), 1000u) << "super-segments are cut";
        EXPECT_EQ(c.original, c.bytes.size());
        if (!trace::checksums_hold(view)) ++wrong;
        EXPECT_FALSE(c.comment.empty());
        EXPECT_EQ(c.flags, view.source.port == 80 ? 2u : 1u);
    }
    EXPECT_EQ(wrong, 1u) << "only the one that was injected so";
    EXPECT_EQ(packets[0].comment, "LISTEN -> SYN-RECEIVED: accepted");
    EXPECT_TRUE(packets[1].comment.find("answer to SYN") != std::string::npos);
    EXPECT_TRUE(packets[4].comment.find("piece 2 of 10") != std::string::npos);
    EXPECT_EQ(packets[14].comment, "dropped: TCP checksum wrong");
    EXPECT_EQ(packets[15].comment, "ESTABLISHED -> CLOSE-WAIT: accepted");
    EXPECT_EQ(packets[13].time - packets[0].time, 10'000'000u) << "nanoseconds";
}

TEST(Pcapng, LimitsHold) {
    Capture capture{{.snap_length = 60, .bytes_max = 1000, .application = "t"}};
    play(capture, conversation);
    EXPECT_TRUE(capture.writer->good());
    EXPECT_GT(capture.writer->packets_left_out(), 0u);
    const std::string file = capture.contents();
    EXPECT_LT(file.size(), 4000u);
    for (const Captured& c : read_capture(file)) EXPECT_LE(c.bytes.size(), 60u);
}

TEST(Pcapng, TsharkFindsNothingBad) {
    if (std::system("command -v tshark > /dev/null 2>&1") != 0) GTEST_SKIP() << "no tshark";
    Capture capture;
    play(capture, conversation);
    capture.close();
    const std::string out = capture.name + ".txt";
    const std::string command = "tshark -r '" + capture.name +
                                "' -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields "
                                "-e tcp.checksum.status -e ip.checksum.status "
                                "-e _ws.malformed -e frame.comment > '" +
                                out + "' 2> /dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream in(out);
    std::size_t lines = 0, bad = 0;
    for (std::string line; std::getline(in, line); ++lines) {
        // Status 1 is good, 0 is bad.
        if (!line.starts_with("1\t1\t\t")) ++bad;
        EXPECT_GT(line.size(), 10u) << "the comment is there";
    }
    std::remove(out.c_str());
    EXPECT_EQ(lines, 17u);
    EXPECT_EQ(bad, 1u) << "the one with the wrong checksum";
}

}  // namespace
}  // namespace tern
