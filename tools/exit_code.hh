// What the command's exit codes mean; `tern get --help` lists them.
#pragma once

namespace tern::tools {

enum ExitCode : int {
    k_ok = 0,
    k_failed = 1,  // what has no code of its own
    k_usage = 2,
    k_cannot_connect = 3,  // no route, refused, no answer, link not there
    k_http_status = 4,     // the server answered, and it was not what was asked for
    k_transfer = 5,        // the connection broke, or the file could not be written
    k_interrupted = 130,   // Ctrl-C
};

}  // namespace tern::tools
