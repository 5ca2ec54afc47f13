#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "incm/model/alert_type.h"

namespace incm::ingest {

/// Most kinds of alerts that are counted apart: the known types, and "other".
inline constexpr std::size_t kMostCountedTypes = 40;
/// How the types that are not known are counted, so that no sender can add names.
inline constexpr std::string_view kOtherType = "other";

/// Return the place of a type among the counted ones: that in alert_types(), or their number.
[[nodiscard]] std::size_t counted_type(std::string_view type);

/// Counts the alerts of one endpoint since the start.
///
/// Alerts of the server itself are not counted, since only the fleet's show that it is heard.
/// Units:   alerts; Unix milliseconds.
/// Threads: any.
class EndpointCounters {
 public:
    /// type: as counted_type() returns it.
    void count_accepted(std::size_t type, std::int64_t wall_ms) noexcept {
        accepted_[type].fetch_add(1, std::memory_order_relaxed);
        last_alert_ms_.store(wall_ms, std::memory_order_relaxed);
    }
    void count_duplicate(std::int64_t wall_ms) noexcept {
        duplicates_.fetch_add(1, std::memory_order_relaxed);
        last_alert_ms_.store(wall_ms, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t accepted(std::size_t type) const noexcept {
        return accepted_[type].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t accepted() const noexcept;
    [[nodiscard]] std::uint64_t duplicates() const noexcept {
        return duplicates_.load(std::memory_order_relaxed);
    }
    /// When the last alert arrived, a duplicate or not; 0: none since the start.
    [[nodiscard]] std::int64_t last_alert_ms() const noexcept {
        return last_alert_ms_.load(std::memory_order_relaxed);
    }

    /// Watch for silence. after_ms: how long there may be no alert; 0: any time. from_ms: when the
    /// last alert came before the start, or when the watch begins; counts only for the first call
    /// that watches.
    void watch_silence(std::int64_t after_ms, std::int64_t from_ms) noexcept;
    /// How long there may be no alert; 0: any time.
    [[nodiscard]] std::int64_t silent_after_ms() const noexcept {
        return silent_after_ms_.load(std::memory_order_relaxed);
    }
    /// Since when no alert has come, if that is too long; empty when it is not.
    [[nodiscard]] std::optional<std::int64_t> silent_since_ms(std::int64_t now_ms) const noexcept;

 private:
    std::array<std::atomic<std::uint64_t>, kMostCountedTypes> accepted_{};
    std::atomic<std::uint64_t> duplicates_{0};
    std::atomic<std::int64_t> last_alert_ms_{0};
    std::atomic<std::int64_t> silent_after_ms_{0};
    std::atomic<std::int64_t> watched_from_ms_{0};
};

}  // namespace incm::ingest
