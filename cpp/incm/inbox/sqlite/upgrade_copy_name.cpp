#include "incm/inbox/sqlite/upgrade_copy_name.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include <sys/stat.h>

namespace incm::inbox::sqlite {

namespace {

std::string day_of(std::time_t time) {
    std::tm parts{};
    std::array<char, 32> text{};
    gmtime_r(&time, &parts);
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

bool needs_no_quotes(char one) {
    constexpr std::string_view kPlain = "/._-+,:@%";
    return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') ||
           kPlain.find(one) != std::string_view::npos;
}

std::string shell_word(const std::string& text) {
    if (std::all_of(text.begin(), text.end(), needs_no_quotes)) {
        return text;
    }
    std::string word = "'";
    for (const char one : text) {
        word += one == '\'' ? "'\\''" : std::string(1, one);
    }
    return word + "'";
}

}  // namespace

std::string upgrade_copy_name(const std::string& path, std::int64_t version) {
    return path + ".v" + std::to_string(version);
}

std::optional<UpgradeCopy> find_upgrade_copy(const std::string& path, std::int64_t version) {
    for (std::int64_t one = version; one > 0; --one) {
        std::string name = upgrade_copy_name(path, one);
        struct stat facts {};
        if (stat(name.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0) {
            return UpgradeCopy{std::move(name), one, day_of(facts.st_mtime)};
        }
    }
    return std::nullopt;
}

std::string restore_command(const std::string& copy, const std::string& path) {
    return "incm-webhook inbox restore " + shell_word(copy) + " --inbox " + shell_word(path);
}

}  // namespace incm::inbox::sqlite
