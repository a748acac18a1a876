// Names of tests out of titles and files. No GoogleTest here: this library must link without it.
#include <string>
#include <string_view>

namespace tern::script {

namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string name_from(std::string_view title) {
    std::string name;
    for (char c : title) {
        if (is_word(c))
            name += c;
        else if (!name.empty() && name.back() != '_')
            name += '_';
    }
    while (!name.empty() && name.back() == '_') name.pop_back();
    return name.empty() ? "script" : name;
}

std::string suite_from(std::string_view file) {
    file = file.substr(0, file.rfind('.'));
    if (file.ends_with("_test")) file.remove_suffix(5);
    const std::size_t stem = file.rfind('/');
    const std::size_t folder =
        stem == std::string_view::npos || stem == 0 ? stem : file.rfind('/', stem - 1);
    return name_from(folder == std::string_view::npos ? file : file.substr(folder + 1));
}

}  // namespace tern::script
