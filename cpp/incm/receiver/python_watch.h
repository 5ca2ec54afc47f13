#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "incm/admin/plugin_board.h"
#include "incm/base/log.h"
#include "incm/receiver/plugin_threads.h"

namespace incm::receiver {

/// The time limits of the watch, in milliseconds.
struct WatchPace {
    std::int64_t look_ms = 250;             ///< between two checks; Python beats about as often
    std::int64_t long_ms = 1000;            ///< without a beat: logged when it is over
    std::int64_t stalled_ms = 5000;         ///< without a beat: logged at once, and not ready
    std::int64_t log_interval_ms = 60'000;  ///< between two log lines about stalls that are over
};

/// A thread that notices when Python does not run, because a plugin keeps the global interpreter
/// lock (GIL): a regular expression without end, a C call that does not release the lock.
///
/// It never takes the GIL. It reports in the log, and on the board for the admin listener. Time in
/// which this process did not run either (a stopped process, a suspended machine) does not count.
/// Threads: any.
class PythonWatch {
 public:
    explicit PythonWatch(base::LogSink& log, WatchPace pace = {});
    PythonWatch(const PythonWatch&) = delete;
    PythonWatch& operator=(const PythonWatch&) = delete;
    /// Ends the thread.
    ~PythonWatch();

    /// Note that Python runs; the first call starts the watch. Does not block.
    void beat() noexcept;
    /// Pause the watch until the next beat: Python ends, or does something else for a while.
    void rest() noexcept;

    /// Return the milliseconds since the last beat; 0 before the first beat and after rest().
    [[nodiscard]] std::int64_t silent_ms() const noexcept;

    [[nodiscard]] PluginThreads& threads() noexcept { return threads_; }
    [[nodiscard]] admin::PluginBoard& board() noexcept { return board_; }
    [[nodiscard]] const admin::PluginBoard& board() const noexcept { return board_; }

 private:
    void loop();
    void look(std::int64_t now_ms);
    void note_beat(std::int64_t seen_ms);
    void report_stalled(std::int64_t now_ms);
    void report_over(std::int64_t held_ms);
    [[nodiscard]] std::string suspects() const;

    base::LogSink& log_;
    const WatchPace pace_;
    std::atomic<std::int64_t> seen_ms_{0};  ///< steady; 0: not watched
    PluginThreads threads_;
    admin::PluginBoard board_;

    // Used by the thread only:
    std::int64_t looked_ms_ = 0;
    std::int64_t last_seen_ms_ = 0;
    std::int64_t silent_since_ms_ = 0;  ///< last_seen_ms_, plus the time that does not count
    std::int64_t before_at_ms_ = 0;     ///< when before_ was read
    std::vector<ThreadUse> before_;     ///< use of the threads when the silence began
    std::vector<ThreadUse> holders_;    ///< suspects found since then
    bool stalled_ = false;
    std::int64_t logged_at_ms_ = 0;
    std::int64_t unlogged_ = 0;

    std::mutex mutex_;
    std::condition_variable stop_asked_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::receiver
