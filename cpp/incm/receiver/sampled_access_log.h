#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "incm/http/access_log.h"

namespace incm::receiver {

/// Writes one log line for a share of the requests, in a thread of its own.
///
/// Shape:   the logger is `access`; the members of a JSON line are those of docs/logging.md. The
///          share is exact over any run of requests: of 0.25, every fourth is written. Beyond
///          kMostWaiting requests that wait to be written, requests are dropped; a line reports
///          how many.
/// Threads: any. Nothing but a short lock makes a caller wait. The destructor writes what waits.
class SampledAccessLog final : public http::AccessLog {
 public:
    static constexpr std::size_t kMostWaiting = 4096;

    /// share: more than 0, at most 1.
    explicit SampledAccessLog(double share);
    ~SampledAccessLog() override;

    [[nodiscard]] bool wants_next() noexcept override;
    void note(http::Access access) noexcept override;
    /// Wait until everything that was reported before is written or dropped.
    void flush();

 private:
    void write();

    const double share_;
    std::atomic<std::uint64_t> requests_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<http::Access> waiting_;  // protected by mutex_, like the next three
    std::uint64_t dropped_ = 0;
    bool ends_ = false;
    bool writes_ = false;
    std::condition_variable idle_;
    std::thread thread_;
};

}  // namespace incm::receiver
