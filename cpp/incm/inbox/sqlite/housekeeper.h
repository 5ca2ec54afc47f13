#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "incm/base/freed_memory.h"
#include "incm/base/log.h"
#include "incm/inbox/sqlite/disk_reserve.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/log_length.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// Runs the housekeeping thread. Each second it prunes old alerts in small steps, checks the disk
/// and the place of the file, tries to store again after a failure, and returns freed memory to the
/// system.
///
/// A step is one operation of the writer among others. It is bounded in rows and in time, and
/// followed by a pause, so ingestion never waits for more than one step.
/// Threads: any.
/// Source:  docs/promises.md, P15; the pace: own choice.
class Housekeeper {
 public:
    /// retention_ms: 0 keeps every alert. activity: counts the pruned alerts, unless it is null.
    /// What the arguments refer to must outlive this object.
    Housekeeper(Writer& writer, DiskReserve& reserve, FileWatch& watch, const StoreState& state,
                LogLength& log_length, base::LogSink& log, std::int64_t retention_ms,
                Activity* activity = nullptr);
    Housekeeper(const Housekeeper&) = delete;
    Housekeeper& operator=(const Housekeeper&) = delete;
    /// Calls stop().
    ~Housekeeper();

    /// Check the disk, and prune what is due now. Returns how many alerts were pruned. whole: also
    /// consider alerts that were not yet delivered at an earlier check.
    std::int64_t tidy(bool whole);
    /// End the thread. Idempotent.
    void stop();

 private:
    void loop();
    [[nodiscard]] bool pause(std::chrono::milliseconds length);

    Writer& writer_;
    DiskReserve& reserve_;
    FileWatch& watch_;
    const StoreState& state_;
    LogLength& log_length_;
    base::LogSink& log_;
    const std::int64_t retention_ms_;
    Activity* const activity_;
    base::FreedMemory freed_memory_;  ///< used by the thread only
    std::mutex tidying_;
    std::int64_t cursor_ = 0;  ///< the last alert that was checked; guarded by tidying_
    bool failing_ = false;     ///< guarded by tidying_

    std::mutex mutex_;
    std::condition_variable stop_asked_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::inbox::sqlite
