#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "incm/base/histogram.h"
#include "incm/inbox/activity.h"
#include "incm/ingest/counters.h"

namespace incm::admin {

/// What happened in about the last minute; less after the start, more after Python was stalled.
struct LastMinute {
    double seconds = 0;
    std::uint64_t accepted = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t refused = 0;
    base::HistogramCounts answers_us;
    base::HistogramCounts commits_us;
};

/// Remembers the counts of the last minute, and since when no alert is taken.
///
/// Threads: any.
class History {
 public:
    /// Both must outlive this object.
    History(const ingest::Counters& counters, const inbox::Activity& activity);
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    /// Take a sample every five seconds, and note whether alerts are taken now. Call it at least
    /// once a second.
    void look(bool takes_alerts);

    [[nodiscard]] LastMinute last_minute() const;
    /// Since when no alert is taken, Unix time; empty while they are.
    [[nodiscard]] std::optional<std::int64_t> refuses_since_ms() const;

 private:
    struct Sample {
        std::int64_t at_ms = 0;  // of the steady clock
        LastMinute counts;
    };
    [[nodiscard]] Sample sample() const;

    const ingest::Counters& counters_;
    const inbox::Activity& activity_;
    mutable std::mutex mutex_;  // protects all below
    std::deque<Sample> samples_;
    std::optional<std::int64_t> refuses_since_ms_;
};

}  // namespace incm::admin
