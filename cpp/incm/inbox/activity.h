#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/histogram.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// The names of the outcomes in metrics, in the order of Outcome.
inline constexpr std::array<std::string_view, 5> kOutcomeNames = {
    "delivered", "retry", "unavailable", "rejected", "dead"};

/// Counts the attempts of one plugin since the start.
///
/// Units:   microseconds; latency: milliseconds.
/// Threads: any.
class PluginActivity {
 public:
    PluginActivity();
    /// Note that an attempt for one delivery has ended. latency_ms: since the delivery was made.
    void ended(Outcome outcome, std::int64_t duration_us, std::int64_t latency_ms) noexcept;

    /// Note a dead letter whose last attempt ended with the process, so that nobody knows when.
    void given_up() noexcept {
        attempts_[static_cast<std::size_t>(Outcome::kDead)].fetch_add(1, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t attempts(std::size_t outcome) const noexcept {
        return attempts_[outcome].load(std::memory_order_relaxed);
    }
    [[nodiscard]] base::HistogramCounts durations_us() const { return durations_us_.counts(); }
    /// Of the deliveries that were made.
    [[nodiscard]] base::HistogramCounts latencies_ms() const { return latencies_ms_.counts(); }

 private:
    std::array<std::atomic<std::uint64_t>, kOutcomeNames.size()> attempts_{};
    base::Histogram durations_us_;
    base::Histogram latencies_ms_;
};

/// Counts what an inbox and its plugins have done since the start, for metrics.
///
/// Units:   microseconds, alerts.
/// Threads: any.
class Activity {
 public:
    explicit Activity(const std::vector<PluginOptions>& plugins);

    /// Note a commit that wrote something. alerts: how many it stored; 0 for other changes.
    void committed(std::int64_t duration_us, std::int64_t alerts) noexcept;
    void pruned(std::int64_t alerts) noexcept {
        pruned_.fetch_add(alerts, std::memory_order_relaxed);
    }
    /// Return the counts of a plugin; null for one that is not configured.
    [[nodiscard]] std::shared_ptr<PluginActivity> of(const std::string& plugin) const;
    /// Count for these plugins and no others; those that were counted before go on.
    void keep(const std::vector<std::string>& plugins);

    [[nodiscard]] base::HistogramCounts commits_us() const { return commits_us_.counts(); }
    /// The alerts of each commit that stored any.
    [[nodiscard]] base::HistogramCounts commit_alerts() const { return commit_alerts_.counts(); }
    [[nodiscard]] std::int64_t pruned() const noexcept {
        return pruned_.load(std::memory_order_relaxed);
    }
    /// By name.
    [[nodiscard]] std::map<std::string, std::shared_ptr<const PluginActivity>> plugins() const;

 private:
    base::Histogram commits_us_;
    base::Histogram commit_alerts_;
    std::atomic<std::int64_t> pruned_{0};
    mutable std::mutex mutex_;  // protects plugins_
    std::map<std::string, std::shared_ptr<PluginActivity>> plugins_;
};

}  // namespace incm::inbox
