#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "incm/base/result.h"

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
    void count_accepted() { accepted_.fetch_add(1, std::memory_order_relaxed); }
    void count_duplicate() { duplicates_.fetch_add(1, std::memory_order_relaxed); }
    void count_refused(base::ErrorCode code) {
        refused_[static_cast<std::size_t>(code)].fetch_add(1, std::memory_order_relaxed);
    }
    void count_health_check() { health_checks_.fetch_add(1, std::memory_order_relaxed); }
    /// Count a signed request for a path that no endpoint has, or with another method than POST.
    void count_misdirected() { misdirected_.fetch_add(1, std::memory_order_relaxed); }
    void count_unkept(NotKept why) {
        unkept_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t accepted() const {
        return accepted_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t duplicates() const {
        return duplicates_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t refused(base::ErrorCode code) const {
        return refused_[static_cast<std::size_t>(code)].load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t health_checks() const {
        return health_checks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t misdirected() const {
        return misdirected_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t unkept(NotKept why) const {
        return unkept_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
    }

 private:
    std::atomic<std::uint64_t> accepted_{0};
    std::atomic<std::uint64_t> duplicates_{0};
    std::atomic<std::uint64_t> misdirected_{0};
    std::atomic<std::uint64_t> health_checks_{0};
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(base::kLastErrorCode) + 1>
        refused_{};
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(NotKept::kFailed) + 1>
        unkept_{};
};

}  // namespace incm::ingest
