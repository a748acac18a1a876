// The command around the stories: each says first what there is to see, and at the end what it was
// for.
#include "show.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "exit_code.hh"
#include "output.hh"
#include "show_stories.hh"
#include "text.hh"

namespace tern::tools {

namespace {

struct ShowOptions {
    std::string story;
    std::vector<u64> drop;
    std::string delay = "20ms";
    unsigned width = 0;  // 0: the terminal's
    bool json = false, no_color = false, all = false;
};

std::string wrapped(const std::string& text, std::size_t width) {
    std::string out, line;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!line.empty() && line.size() + 1 + word.size() > width) {
            out += line + "\n";
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
        at = end + 1;
    }
    return out + line + "\n";
}

// How to read a ladder.
std::string legend(unsigned width) {
    return wrapped(
        "Time since the first row; the state of each side when it changes (RFC 9293 "
        "3.3.2); between them the segments. --- S. 0:0(0) ack 1 win 65535 ---> is "
        "flags (S SYN, F FIN, R RST, P PSH, and . ACK), first number : number behind "
        "the last (bytes), the number that is expected next, and the window field; "
        "numbers count from each side's SYN. Below it stands why it was sent. x at the "
        "arrow's end: it was lost or dropped.",
        width);
}

bool want_colour(const ShowOptions& o) {
    return !o.no_color && !o.json && isatty(STDOUT_FILENO) == 1 &&
           std::getenv("NO_COLOR") == nullptr;
}

int show_main(const ShowOptions& o) {
    const Story* story = nullptr;
    for (const Story& s : stories())
        if (o.story == s.name) story = &s;
    if (story == nullptr) return k_usage;
    const auto delay = parse_time(o.delay);
    if (!delay || *delay > std::chrono::seconds(60)) {
        std::fprintf(stderr, "tern: --delay wants a time up to 60s, such as 20ms\n");
        return k_usage;
    }
    PairOptions options;
    options.delay = *delay;
    const std::vector<u64>& drop = o.drop.empty() ? story->drop : o.drop;
    options.drop = {drop.begin(), drop.end()};
    const unsigned width = o.width != 0 ? o.width : drawing_width();
    options.ladder.width = width;
    options.ladder.colour = want_colour(o);
    options.ladder.collapse = !o.all;

    Pair pair{options};
    const bool whole = story->play(pair);
    if (o.json) {
        std::fputs(pair.ladder.json().c_str(), stdout);
        return whole ? k_ok : k_failed;
    }
    std::printf("%s\n%s\n%s\n", wrapped(story->opening, width).c_str(), legend(width).c_str(),
                pair.ladder.text().c_str());
    if (!whole) {
        std::printf("The story did not come to its end: too much was lost.\n");
        return k_failed;
    }
    std::printf("%s", wrapped(story->lesson, width).c_str());
    if (options.drop.size() > pair.dropped)
        std::printf("\n(--drop: only %llu packets were sent.)\n",
                    static_cast<unsigned long long>(pair.packets));
    return k_ok;
}

}  // namespace

void add_show(CLI::App& app) {
    auto* show = app.add_subcommand("show", "Two stacks on a wire: every segment and its reason");
    auto options = std::make_shared<ShowOptions>();
    std::vector<std::string> names;
    std::string help;
    for (const Story& s : stories()) {
        names.emplace_back(s.name);
        help += std::string{"  "} + s.name + std::string(12 - std::string{s.name}.size(), ' ') +
                s.help + "\n";
    }
    show->add_option("story", options->story, "Which one")->required()->check(CLI::IsMember(names));
    show->add_option("--drop", options->drop, "Lose packet N of the story; may be repeated")
        ->check(CLI::Range(u64{1}, u64{1'000'000}));
    show->add_option("--delay", options->delay, "One way, e.g. 20ms (the default)");
    show->add_option("--width", options->width,
                     "Columns; without it the terminal's, at most 120, and 80 elsewhere")
        ->check(CLI::Range(80, 400));
    show->add_flag("--all", options->all, "Draw every segment of a long run");
    show->add_flag("--json", options->json, "The ladder as an array of objects");
    show->add_flag("--no-color", options->no_color, "Also: the environment's NO_COLOR");
    show->footer("Stories:\n" + help +
                 "\nExamples:\n"
                 "  tern show handshake --drop 2      the answer to SYN is lost\n"
                 "  tern show close --drop 4          the last ACK is lost: TIME-WAIT answers\n"
                 "  tern show loss --delay 100ms\n"
                 "No root, no device: both stacks live in this process, in virtual time.");
    show->callback([options] {
        if (const int code = show_main(*options); code != k_ok) throw CLI::RuntimeError(code);
    });
}

}  // namespace tern::tools
