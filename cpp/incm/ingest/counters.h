#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/histogram.h"
#include "incm/base/result.h"
#include "incm/ingest/endpoint_counters.h"

namespace incm::ingest {

/// Why a refused request was not kept in the quarantine.
enum class NotKept {
    kTooLarge,  ///< its body is over kMaxKeptBody
    kTooOften,  ///< its source, or all together, sent too many
    kBusy,      ///< too many requests wait to be written, or the disk is nearly full
    kFailed,    ///< it could not be stored
};

/// Counts what the receiver did with requests since the start, for metrics and `stats()`.
///
/// Units:   requests; a counter never decreases.
/// Threads: any; each counter is exact, but several counters read together are not a snapshot.
class Counters {
 public:
    Counters();
    Counters(const Counters&) = delete;
    Counters& operator=(const Counters&) = delete;

    void count_accepted() { accepted_.fetch_add(1, std::memory_order_relaxed); }
    void count_duplicate() { duplicates_.fetch_add(1, std::memory_order_relaxed); }
    void count_refused(base::ErrorCode code) {
        refused_[static_cast<std::size_t>(code)].fetch_add(1, std::memory_order_relaxed);
    }
    void count_canary() { canaries_.fetch_add(1, std::memory_order_relaxed); }
    /// well: it was answered 200, not 503.
    void count_health_check(bool well) {
        (well ? good_health_checks_ : failed_health_checks_)
            .fetch_add(1, std::memory_order_relaxed);
    }
    /// Count how long a POST to an endpoint waited for its answer, after it had arrived.
    void count_answer(std::int64_t duration_us) noexcept { answers_us_.observe(duration_us); }
    /// Set which endpoints there are now. The counts of an endpoint stay, in case it comes back.
    void set_endpoints(std::vector<std::string> paths);
    /// Return the counters of an endpoint, by its configured path. They live as long as this.
    [[nodiscard]] EndpointCounters& endpoint(const std::string& path);
    /// Count a signed request for a path that no endpoint has, or with another method than POST.
    void count_misdirected() { misdirected_.fetch_add(1, std::memory_order_relaxed); }
    /// Count spans of traces that were sent to their collector, or given up.
    void count_spans(std::uint64_t sent, std::uint64_t dropped) {
        spans_sent_.fetch_add(sent, std::memory_order_relaxed);
        spans_dropped_.fetch_add(dropped, std::memory_order_relaxed);
    }
    void count_unkept(NotKept why) {
        unkept_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t accepted() const {
        return accepted_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t duplicates() const {
        return duplicates_.load(std::memory_order_relaxed);
    }
    /// Canaries answered 200, which are no alerts of the fleet.
    [[nodiscard]] std::uint64_t canaries() const {
        return canaries_.load(std::memory_order_relaxed);
    }
    /// Refused requests, for one reason or for any.
    [[nodiscard]] std::uint64_t refused() const;
    [[nodiscard]] std::uint64_t refused(base::ErrorCode code) const {
        return refused_[static_cast<std::size_t>(code)].load(std::memory_order_relaxed);
    }
    /// Health checks with any answer.
    [[nodiscard]] std::uint64_t health_checks() const {
        return good_health_checks() + failed_health_checks();
    }
    [[nodiscard]] std::uint64_t good_health_checks() const {
        return good_health_checks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t failed_health_checks() const {
        return failed_health_checks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] base::HistogramCounts answers_us() const { return answers_us_.counts(); }
    /// The endpoints of the configuration, in its order.
    [[nodiscard]] std::vector<std::pair<std::string, const EndpointCounters*>> endpoints() const;
    [[nodiscard]] std::uint64_t misdirected() const {
        return misdirected_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t spans_sent() const {
        return spans_sent_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t spans_dropped() const {
        return spans_dropped_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t unkept(NotKept why) const {
        return unkept_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
    }

 private:
    std::atomic<std::uint64_t> accepted_{0};
    std::atomic<std::uint64_t> duplicates_{0};
    std::atomic<std::uint64_t> misdirected_{0};
    std::atomic<std::uint64_t> canaries_{0};
    std::atomic<std::uint64_t> good_health_checks_{0};
    std::atomic<std::uint64_t> failed_health_checks_{0};
    std::atomic<std::uint64_t> spans_sent_{0};
    std::atomic<std::uint64_t> spans_dropped_{0};
    base::Histogram answers_us_;
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(base::kLastErrorCode) + 1>
        refused_{};
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(NotKept::kFailed) + 1>
        unkept_{};
    mutable std::mutex mutex_;  // protects the maps below; not the counters in them
    std::map<std::string, EndpointCounters> endpoints_;
    std::vector<std::string> configured_;
};

}  // namespace incm::ingest
