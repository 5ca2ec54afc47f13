#include "incm/inbox/sqlite/last_commit.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::string_view kBoot = "boot=";
constexpr std::string_view kSession = " session=";
constexpr std::string_view kNumber = " commit=";
constexpr std::string_view kTime = " at_ms=";
constexpr std::size_t kDigits = 19;

/// Write a number with leading zeros, so that all numbers have the same length.
void write_number(char* place, std::int64_t number) noexcept {
    for (std::size_t digit = kDigits; digit > 0; --digit) {
        place[digit - 1] = static_cast<char>('0' + number % 10);
        number /= 10;
    }
}

/// Return the text between a name and the next blank or the end of the line; empty: no such name.
std::optional<std::string_view> value_in(std::string_view line, std::string_view name) {
    const std::size_t at = line.find(name);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view rest = line.substr(at + name.size());
    return rest.substr(0, rest.find(' '));
}

std::optional<std::int64_t> number_in(std::string_view line, std::string_view name) {
    const std::optional<std::string_view> digits = value_in(line, name);
    std::int64_t number = 0;
    if (!digits) {
        return std::nullopt;
    }
    const char* const end = digits->data() + digits->size();
    const auto [rest, failed] = std::from_chars(digits->data(), end, number);
    return failed == std::errc() && rest == end && number >= 0 ? std::optional(number)
                                                               : std::nullopt;
}

}  // namespace

std::optional<LastCommit> LastCommit::parse(std::string_view text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(kBoot)) {
        return std::nullopt;
    }
    const auto boot = value_in(line, kBoot);
    const auto session = value_in(line, kSession);
    const auto number = number_in(line, kNumber);
    const auto wall_ms = number_in(line, kTime);
    if (!boot || !session || !number || !wall_ms) {
        return std::nullopt;
    }
    return LastCommit{std::string(*boot), std::string(*session), *number, *wall_ms};
}

LastCommit LastCommit::of(Database& database, std::int64_t wall_ms) {
    return {boot_id(), database.text_of("SELECT value FROM meta WHERE key = 'session'"),
            database.integer_of("SELECT value FROM meta WHERE key = 'commits'"), wall_ms};
}

std::string LastCommit::line() const {
    std::string line;
    line.append(kBoot).append(boot).append(kSession).append(session);
    for (const auto& [name, value] : {std::pair(kNumber, number), std::pair(kTime, wall_ms)}) {
        line.append(name).append(kDigits, '0');
        write_number(&line[line.size() - kDigits], value);
    }
    return line + "\n";
}

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    file >> id;
    return id;
}

CommitNote::CommitNote(FileLock& lock, const LastCommit& last) : lock_(lock), line_(last.line()) {
    lock_.leave(line_);
}

void CommitNote::committed(std::int64_t number, std::int64_t wall_ms) noexcept {
    char* const end = line_.data() + line_.size() - 1;
    write_number(end - kDigits, wall_ms);
    write_number(end - kDigits - kTime.size() - kDigits, number);
    lock_.leave(line_);
}

}  // namespace incm::inbox::sqlite
