#include "incm/base/log_line.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

#include <time.h>

#include "incm/base/ascii.h"
#include "incm/base/clock.h"
#include "incm/base/local_time.h"

namespace incm::base {
namespace {

constexpr std::string_view kCut = "...";

std::atomic<LogStyle> current_style{};
static_assert(std::atomic<LogStyle>::is_always_lock_free);

struct Names {
    std::string_view text;
    std::string_view json;
    std::string_view colour;
};

Names names_of(Priority priority) {
    switch (priority) {
        case Priority::kInfo:
            return {"INFO ", "info", "\x1b[32m"};
        case Priority::kWarning:
            return {"WARN ", "warning", "\x1b[33m"};
        case Priority::kError:
            break;
    }
    return {"ERROR", "error", "\x1b[31m"};
}

/// A text in a buffer that never overflows: what does not fit is left out.
class Buffer {
 public:
    explicit Buffer(std::span<char> all) : all_(all) {}
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t room() const { return all_.size() - size_; }
    void add(std::string_view text) { size_ += text.copy(all_.data() + size_, room()); }
    void cut(std::size_t size) { size_ = size; }

    void add_local_time(std::int64_t wall_ms) {
        size_ += write_local_time(all_.data() + size_, room(), wall_ms);
    }
    void add_utc(std::int64_t wall_ms) {
        const time_t seconds = wall_ms / 1000;
        tm utc{};
        gmtime_r(&seconds, &utc);
        const int length =
            std::snprintf(all_.data() + size_, room(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                          utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                          utc.tm_sec, static_cast<int>(wall_ms % 1000));
        if (length > 0) size_ += std::min<std::size_t>(static_cast<std::size_t>(length), room());
    }

    /// Add a text that is not JSON, up to a size; "..." marks what was left out.
    void add_cut(std::string_view text, std::size_t most) {
        const bool fits = text.size() <= most;
        add(text.substr(0, fits ? most : most - kCut.size()));
        if (!fits) add(kCut);
    }

    /// Add the inside of a JSON string, up to a size.
    void add_escaped(std::string_view text, std::size_t most) {
        const std::size_t end = size_ + std::min(most, room());
        for (const char c : text) {
            std::array<char, 8> escape{};
            const std::string_view one = escaped(c, escape);
            if (size_ + one.size() + kCut.size() > end) return add(kCut);
            add(one);
        }
    }

 private:
    static std::string_view escaped(const char& c, std::array<char, 8>& room) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            room = {'\\', c};
            return {room.data(), 2};
        }
        if (byte >= 0x20 && byte < 0x7F) return {&c, 1};
        // As printable() writes it, because the byte may belong to no valid character.
        room = {'\\', '\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 0xF]};
        return {room.data(), 5};
    }

    std::span<char> all_;
    std::size_t size_ = 0;
};

void add_member(Buffer& line, const LogFact& fact) {
    line.add(",\"");
    line.add(fact.name);
    line.add(fact.is_text ? "\":\"" : "\":");
    fact.is_text ? line.add_escaped(fact.value, line.room()) : line.add(fact.value);
    if (fact.is_text) line.add("\"");
}

std::size_t write_json(std::span<char, kMaxLogLineBytes> all, Priority priority,
                       std::string_view logger, std::string_view text,
                       std::span<const LogFact> facts) {
    std::array<char, kMaxLogLineBytes / 2> facts_room;
    Buffer members(facts_room);
    for (const LogFact& fact : facts) {
        const std::size_t before = members.size();
        add_member(members, fact);
        if (members.room() == 0) members.cut(before);
    }
    Buffer line(all);
    line.add("{\"ts\":\"");
    line.add_utc(now().wall_ms);
    line.add("\",\"level\":\"");
    line.add(names_of(priority).json);
    line.add("\",\"logger\":\"");
    line.add(logger);
    line.add("\",\"msg\":\"");
    line.add_escaped(text, line.room() - members.size() - 4);
    line.add("\"");
    line.add({facts_room.data(), members.size()});
    line.add("}\n");
    return line.size();
}

}  // namespace

void set_log_style(const LogStyle& style) noexcept {
    current_style = style;
}

LogStyle log_style() noexcept {
    return current_style;
}

std::size_t write_log_line(std::span<char, kMaxLogLineBytes> line, Priority priority,
                           std::string_view logger, std::string_view text,
                           std::span<const LogFact> facts) noexcept {
    const LogStyle style = log_style();
    if (style.format == LogFormat::kJson) return write_json(line, priority, logger, text, facts);
    Buffer buffer(line);
    if (style.format == LogFormat::kJournal) {
        const std::array<char, 3> prefix{'<', static_cast<char>('0' + static_cast<int>(priority)),
                                         '>'};
        buffer.add({prefix.data(), prefix.size()});
    } else {
        const Names names = names_of(priority);
        buffer.add_local_time(now().wall_ms);
        buffer.add(" ");
        if (style.is_coloured) buffer.add(names.colour);
        buffer.add(names.text);
        if (style.is_coloured) buffer.add("\x1b[0m");
        buffer.add(" ");
    }
    buffer.add(logger);
    buffer.add(": ");
    buffer.add_cut(text, buffer.room() - 1);
    buffer.add("\n");
    return buffer.size();
}

}  // namespace incm::base
