#include "incm/model/timestamp.h"

#include <chrono>
#include <cmath>

namespace incm::model {

namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kFirstUs = -62'135'596'800LL * kUsPerSecond;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastUs =
    253'402'300'800LL * kUsPerSecond - 1;  // 9999-12-31T23:59:59.999999Z

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Reads a text from left to right; after a step that does not fit, every later step fails.
class Cursor {
 public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    int number(std::size_t digits) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            if (failed_ || rest_.empty() || !is_digit(rest_.front())) {
                failed_ = true;
                return 0;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    bool skip(char wanted) {
        if (failed_ || rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char wanted) { failed_ = !skip(wanted) || failed_; }
    std::int64_t fraction_us() {
        std::int64_t value = 0;
        std::int64_t unit = kUsPerSecond / 10;
        if (rest_.empty() || !is_digit(rest_.front())) failed_ = true;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), unit /= 10) {
            value += unit * (rest_.front() - '0');
        }
        return value;
    }
    void fail() { failed_ = true; }
    [[nodiscard]] bool at_digit() const { return !rest_.empty() && is_digit(rest_.front()); }
    [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
    std::string_view rest_;
    bool failed_ = false;
};

/// Read the seconds east of UTC; empty when the text names no zone.
std::optional<int> read_zone(Cursor& cursor) {
    if (cursor.skip('Z') || cursor.skip('z')) return 0;
    const bool east = cursor.skip('+');
    if (!east && !cursor.skip('-')) return std::nullopt;
    const int hours = cursor.number(2);
    int minutes = 0;
    if (cursor.skip(':') || cursor.at_digit()) minutes = cursor.number(2);
    if (hours > 23 || minutes > 59) cursor.fail();
    const int seconds = hours * 3600 + minutes * 60;
    return east ? seconds : -seconds;
}

}  // namespace

std::optional<ReadTimestamp> read_iso_timestamp(std::string_view text) {
    Cursor cursor(text);
    const int year = cursor.number(4);
    cursor.expect('-');
    const int month = cursor.number(2);
    cursor.expect('-');
    const int day = cursor.number(2);
    int hour = 0;
    int minute = 0;
    int second = 0;
    std::int64_t fraction_us = 0;
    if (cursor.skip('T') || cursor.skip('t') || cursor.skip(' ')) {
        hour = cursor.number(2);
        cursor.expect(':');
        minute = cursor.number(2);
        if (cursor.skip(':')) {
            second = cursor.number(2);
            if (cursor.skip('.') || cursor.skip(',')) fraction_us = cursor.fraction_us();
        }
    }
    const std::optional<int> zone_s = read_zone(cursor);
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!cursor.done() || !date.ok() || hour > 23 || minute > 59 || second > 60)
        return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t seconds =
        days * 86'400 + hour * 3'600 + minute * 60 + second - zone_s.value_or(0);
    const std::int64_t us = seconds * kUsPerSecond + fraction_us;
    if (us < kFirstUs || us > kLastUs) return std::nullopt;
    return ReadTimestamp{Timestamp{us}, zone_s.has_value()};
}

std::optional<Timestamp> read_unix_timestamp(double number) {
    constexpr double kFirstMilliseconds = 1e11;
    const double us = number >= kFirstMilliseconds ? number * 1e3 : number * 1e6;
    if (!std::isfinite(us) || us < 0 || us > static_cast<double>(kLastUs)) return std::nullopt;
    return Timestamp{std::llround(us)};
}

}  // namespace incm::model
