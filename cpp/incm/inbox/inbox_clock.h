#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "incm/base/clock.h"

namespace incm::inbox {

/// The time by which the inbox decides: it never runs backwards, not even across a restart, and
/// does not follow the wall clock while the inbox is open.
///
/// Units:   milliseconds; near Unix time, but to be compared with itself only.
/// Threads: any.
/// Source:  docs/promises.md, P13.
class InboxClock {
 public:
    /// last_ms: the last reading that was stored.
    InboxClock(std::function<base::Instant()> source, std::int64_t last_ms)
        : source_(std::move(source)) {
        const base::Instant opened = source_();
        offset_ms_ = std::max(opened.wall_ms, last_ms) - opened.steady_ms;
    }

    [[nodiscard]] std::int64_t now_ms() const { return source_().steady_ms + offset_ms_; }
    /// For display and the ledger.
    [[nodiscard]] std::int64_t wall_ms() const { return source_().wall_ms; }

 private:
    std::function<base::Instant()> source_;
    std::int64_t offset_ms_ = 0;
};

}  // namespace incm::inbox
