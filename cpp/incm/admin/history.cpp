#include "incm/admin/history.h"

#include "incm/base/clock.h"

namespace incm::admin {

namespace {

constexpr std::int64_t kSampleEveryMs = 5'000;
constexpr std::int64_t kWindowMs = 60'000;

}  // namespace

History::History(const ingest::Counters& counters, const inbox::Activity& activity)
    : counters_(counters), activity_(activity) {
    samples_.push_back(sample());
}

History::Sample History::sample() const {
    return {.at_ms = base::steady_ms(),
            .counts = {.accepted = counters_.accepted(),
                       .duplicates = counters_.duplicates(),
                       .refused = counters_.refused(),
                       .answers_us = counters_.answers_us(),
                       .commits_us = activity_.commits_us()}};
}

void History::look(bool takes_alerts) {
    const base::Instant now = base::now();
    const std::lock_guard lock(mutex_);
    if (takes_alerts) {
        refuses_since_ms_.reset();
    } else if (!refuses_since_ms_) {
        refuses_since_ms_ = now.wall_ms;
    }
    if (now.steady_ms - samples_.back().at_ms < kSampleEveryMs) return;
    samples_.push_back(sample());
    while (samples_.size() > 1 && now.steady_ms - samples_[1].at_ms >= kWindowMs) {
        samples_.pop_front();
    }
}

LastMinute History::last_minute() const {
    const std::lock_guard lock(mutex_);
    const Sample& before = samples_.front();
    Sample now = sample();
    return {.seconds = static_cast<double>(now.at_ms - before.at_ms) / 1e3,
            .accepted = now.counts.accepted - before.counts.accepted,
            .duplicates = now.counts.duplicates - before.counts.duplicates,
            .refused = now.counts.refused - before.counts.refused,
            .answers_us = now.counts.answers_us.since(before.counts.answers_us),
            .commits_us = now.counts.commits_us.since(before.counts.commits_us)};
}

std::optional<std::int64_t> History::refuses_since_ms() const {
    const std::lock_guard lock(mutex_);
    return refuses_since_ms_;
}

}  // namespace incm::admin
