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

/// The thread that, each second, prunes old alerts in small steps, looks at the disk and at the
/// place of the file, tries whether the inbox stores again when it did not, and gives freed memory
/// back to the system.
///
/// A step is one operation of the writer among others, bounded in rows and in time, and followed by
/// a pause: ingestion never waits for more than one step.
/// Threads: any. Source: docs/promises.md, P15; the pace: own choice.
class Housekeeper {
 public:
    /// retention_ms: 0 keeps every alert for ever. The references must outlive this.
    Housekeeper(Writer& writer, DiskReserve& reserve, FileWatch& watch, const StoreState& state,
                LogLength& log_length, base::LogSink& log, std::int64_t retention_ms);
    Housekeeper(const Housekeeper&) = delete;
    Housekeeper& operator=(const Housekeeper&) = delete;
    /// Calls stop().
    ~Housekeeper();

    /// Look at the disk, and prune what is due now. Returns how many alerts were pruned.
    /// whole: also what was not yet delivered when it was looked at before.
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
    base::FreedMemory freed_memory_;  ///< of the thread
    std::mutex tidying_;
    std::int64_t cursor_ = 0;  ///< the last alert that was looked at; guarded by tidying_
    bool failing_ = false;     ///< guarded by tidying_

    std::mutex mutex_;
    std::condition_variable stop_asked_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::inbox::sqlite
