// What a test covers, as data: the ids are rows of spec/*.tsv, written "RFC9293:MUST-7" or
// "RFC826:2", and "VULN:land" for a test that mounts an attack of vulnerabilities.tsv. They end up
// in the XML report beside the test's result.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace tern::test {

// Call it once per test, from inside the test.
inline void covers(std::initializer_list<const char*> ids) {
    std::string joined;
    for (const char* id : ids) {
        if (!joined.empty()) joined += ' ';
        joined += id;
    }
    ::testing::Test::RecordProperty("covers", joined);
}

}  // namespace tern::test
