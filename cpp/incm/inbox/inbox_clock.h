#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "incm/base/clock.h"

namespace incm::inbox {

/// The clock by which the inbox makes its decisions. It never runs backwards, not even across a
/// restart, and does not follow the wall clock while the inbox is open.
///
/// Units:   milliseconds; close to Unix time, but only comparable with itself.
/// Threads: any.
/// Source:  docs/promises.md, P13.
class InboxClock {
 public:
    /// last_ms: the last stored reading.
    InboxClock(std::function<base::Instant()> source, std::int64_t last_ms)
        : source_(std::move(source)) {
        const base::Instant opened = source_();
        offset_ms_ = std::max(opened.wall_ms, last_ms) - opened.steady_ms;
    }

    [[nodiscard]] std::int64_t now_ms() const { return source_().steady_ms + offset_ms_; }
    /// Return the wall clock, for display and the ledger.
    [[nodiscard]] std::int64_t wall_ms() const { return source_().wall_ms; }

 private:
    std::function<base::Instant()> source_;
    std::int64_t offset_ms_ = 0;
};

}  // namespace incm::inbox
