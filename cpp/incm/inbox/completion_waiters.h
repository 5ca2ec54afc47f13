#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace incm::inbox {

/// Wakes threads that wait for a change of the deliveries of one alert.
///
/// Threads: any.
class CompletionWaiters {
 public:
    /// One thread's interest in one alert, from construction to destruction.
    class Watch {
     public:
        Watch(CompletionWaiters& watches, std::int64_t alert_id);
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        ~Watch();

        /// Return the current version. Read it before the rows, and pass it to wait() afterwards.
        [[nodiscard]] std::uint64_t version() const;
        /// Wait for a call of changed() since `version`. False at the deadline and after close().
        [[nodiscard]] bool wait(std::uint64_t version,
                                std::chrono::steady_clock::time_point deadline);

     private:
        CompletionWaiters& watches_;
        const std::int64_t alert_id_;
    };

    CompletionWaiters() = default;
    CompletionWaiters(const CompletionWaiters&) = delete;
    CompletionWaiters& operator=(const CompletionWaiters&) = delete;

    /// Report that a change of this alert's deliveries is committed. Costs nothing while no thread
    /// watches.
    void changed(std::int64_t alert_id);
    /// End all waits; later ones end at once.
    void close();

 private:
    struct Watched {
        int watchers = 0;
        std::uint64_t version = 0;
        std::condition_variable change;
    };

    std::atomic<int> watchers_{0};
    std::mutex mutex_;
    std::unordered_map<std::int64_t, Watched> watched_;
    bool closed_ = false;
};

}  // namespace incm::inbox
