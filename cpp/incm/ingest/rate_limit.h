#pragma once

#include <cstdint>
#include <mutex>

namespace incm::ingest {

/// So many alerts in a time, with as many at once after a quiet time.
struct Rate {
    double count = 0;  ///< 0: no limit
    std::int64_t per_ms = 1000;
};

/// Counts alerts against a rate: a bucket that fills up evenly. Threads: any.
class RateLimit {
 public:
    explicit RateLimit(const Rate& rate) : rate_(rate), tokens_(rate.count) {}

    /// Whether one more is within the rate; counts it then.
    [[nodiscard]] bool allows(std::int64_t now_steady_ms);

 private:
    const Rate rate_;
    std::mutex mutex_;
    double tokens_;  // guarded, as is the next
    std::int64_t filled_ms_ = 0;
};

}  // namespace incm::ingest
