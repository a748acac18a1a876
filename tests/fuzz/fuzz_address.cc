// Every text form: what is read must be read again from what is printed, and IP addresses must be
// those that the C library reads.
#include <arpa/inet.h>

#include <string>

#include "fuzz/fuzz.hh"
#include "tern/address.hh"

using namespace tern;

namespace {

template <class T>
void check_round_trip(std::string_view text) {
    const auto value = T::parse(text);
    if (value) fuzz::require(T::parse(value->to_string()) == value);
}

void check_against_the_c_library(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return;
    const std::string terminated{text};
    IpAddress theirs;
    u8 v4[4];
    bool accepted = inet_pton(AF_INET6, terminated.c_str(), theirs.bytes.data()) == 1;
    if (!accepted && inet_pton(AF_INET, terminated.c_str(), v4) == 1) {
        accepted = true;
        theirs = Ipv4Address{v4[0], v4[1], v4[2], v4[3]};
    }
    const auto ours = IpAddress::parse(text);
    fuzz::require(ours.has_value() == accepted);
    if (ours) fuzz::require(*ours == theirs);
}

}  // namespace

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    check_round_trip<MacAddress>(text);
    check_round_trip<Ipv4Address>(text);
    check_round_trip<IpAddress>(text);
    check_round_trip<Endpoint>(text);
    check_round_trip<Cidr>(text);
    check_against_the_c_library(text);
    return 0;
}
