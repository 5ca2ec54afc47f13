#pragma once

#include <cstdint>
#include <mutex>

namespace incm::ingest {

/// A number of alerts per period; after a quiet period as many may come at once.
struct Rate {
    double count = 0;  ///< 0: no limit
    std::int64_t per_ms = 1000;
};

/// Limits alerts to a rate with a token bucket that fills evenly.
/// Threads: any.
class RateLimit {
 public:
    explicit RateLimit(const Rate& rate) : rate_(rate), tokens_(rate.count) {}

    /// Whether one more alert is within the rate; it is counted if so.
    [[nodiscard]] bool allows(std::int64_t now_steady_ms);

 private:
    const Rate rate_;
    std::mutex mutex_;
    double tokens_;  // guarded by mutex_, as is filled_ms_
    std::int64_t filled_ms_ = 0;
};

}  // namespace incm::ingest
