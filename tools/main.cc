// The command tern: one file per subcommand, and the public headers alone.
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/core.h>

#include "commands.hh"
#include "exit_code.hh"
#include "output.hh"
#include "tern/runtime.hh"
#ifdef TERN_HAS_SHOW
#include "show.hh"
#endif

namespace {

// What went wrong, and where to look. A word that is no command would only be missed as one.
std::string complaint(const CLI::App* app, const CLI::Error& error) {
    std::string text = error.what();
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    const auto strays = app->remaining();
    if (error.get_name() == "RequiredError" && app->get_require_subcommand_min() > 0) {
        text = strays.empty() ? "which command?"
                              : fmt::format("\"{}\" is no command.", strays.front());
        text += " There are:";
        for (const CLI::App* known : app->get_subcommands([](const CLI::App*) { return true; }))
            text += " " + known->get_name();
    }
    return "tern: " + text + "\nRun with --help for more information.\n";
}

int run(int argc, char** argv) {
    using namespace tern::tools;
    CLI::App app{"tern: a TCP/IP stack in user space", "tern"};
    app.footer(
        "Examples:\n"
        "  tern show handshake                     two stacks, every segment with its reason\n"
        "  tern demo wire                          200 MB between two stacks in this process\n"
        "  tern sim examples/sim/bulk.toml         a network in virtual time, from a seed\n"
        "  tern serve . --link tap:tern0           an HTTP server on our stack\n"
        "  tern get http://10.0.0.1:8000/file      fetch, with progress and --resume\n"
        "  tern wire tap:a@left tap:b@right --delay 20ms --loss 1%    a bad network\n"
        "`tern COMMAND --help` has more. Exit codes: 0 well, 1 failed, 2 wrong usage, 3 cannot\n"
        "connect, 4 HTTP error, 5 transfer failed, 130 interrupted.");
    app.set_version_flag("--version", TERN_VERSION);
    app.require_subcommand(1);
    app.failure_message(complaint);
    app.option_defaults()->always_capture_default(false);
    add_serve(app);
    add_get(app);
    add_ping(app);
    add_udp(app);
    add_demo(app);
    add_wire(app);
    add_sim(app);
    add_chaos(app);
#ifdef TERN_HAS_SHOW
    add_show(app);
#endif
    try {
        app.parse(argc, argv);
    } catch (const CLI::RuntimeError& e) {
        return e.get_exit_code();
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? k_ok : k_usage;
    }
    return k_ok;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace tern::tools;
    try {
        const int code = run(argc, argv);
        return all_written() || code != k_ok ? code : k_failed;
    } catch (const tern::RuntimeError& e) {
        fmt::print(stderr, "tern: {}\n", e.what());
        const bool usage =
            e.code() == tern::Error::InvalidArgument || e.code() == tern::Error::InvalidAddress;
        return usage ? k_usage : k_cannot_connect;
    } catch (const std::exception& e) {
        fmt::print(stderr, "tern: {}\n", e.what());
        return k_failed;
    }
}
