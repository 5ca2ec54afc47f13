#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "incm/inbox/records.h"

namespace incm::inbox {

/// A time during which the target of a plugin was unavailable, by the inbox clock.
struct Outage {
    std::int64_t began_ms;
    std::int64_t ended_ms;  ///< Outages::kLasts while it lasts
};

/// Remembers when the target of one plugin was unavailable: no delivery grows older then.
///
/// Shape:   at most kMost outages. One more joins the two oldest, so the time between them counts
///          as an outage, too.
/// Threads: any.
class Outages {
 public:
    static constexpr std::size_t kMost = 1000;
    static constexpr std::int64_t kLasts = INT64_MAX;

    Outages() = default;
    /// `known`: in the order of their times; only the last one may last.
    explicit Outages(std::vector<Outage> known);

    /// Replace what is remembered; as the constructor.
    void remember(std::vector<Outage> known);
    /// Note a settlement: kUnavailable begins an outage unless one lasts, and what ends_outage()
    /// ends it. now_ms: not before that of the last call. Without memory it is not noted.
    void settled(Outcome outcome, std::int64_t now_ms) noexcept;
    /// How many milliseconds of a time were an outage.
    [[nodiscard]] std::int64_t within(std::int64_t from_ms, std::int64_t until_ms) const;

 private:
    void begin(std::int64_t now_ms);

    mutable std::mutex mutex_;
    std::vector<Outage> outages_;
};

}  // namespace incm::inbox
