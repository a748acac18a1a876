// What the command could not write makes it fail at its end, whatever else it did.
#pragma once

#include <string>

namespace tern::tools {

// Says which file it was and what helps; `number` is errno's, 0 when nobody
// knows it any more.
void output_failed(const std::string& file, int number);
// Ends standard output: true when all of it, and every file, could be written. A failure that
// output_failed() has not told yet is told here.
bool all_written();

// Columns to draw in: those of the terminal on standard output, from 80 to 120; 80 elsewhere.
unsigned drawing_width();

}  // namespace tern::tools
