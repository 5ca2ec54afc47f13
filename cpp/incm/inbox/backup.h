#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/database.h"
#include "incm/inbox/disk_reserve.h"
#include "incm/inbox/unfinished.h"

namespace incm::inbox {

/// How far a backup is.
struct BackupProgress {
    enum class State { kNone, kRunning, kDone, kFailed };
    State state = State::kNone;
    std::string file;
    std::int64_t bytes = 0;          ///< copied
    std::int64_t of_bytes = 0;       ///< the size of the copy
    std::int64_t last_alert_id = 0;  ///< the last one that is in it
    std::string error;               ///< of a failed one
};

/// Copies the open inbox as it is at one moment, while alerts are taken.
///
/// A thread copies page by page out of one snapshot, so that it ends however many alerts come, and
/// rests as long as it worked. The log grows meanwhile, by what comes. The copy gets its name when
/// it is whole and on disk: a closed inbox of its own, without a log.
/// Threads: any.
class Backup {
 public:
    /// Opens its connection now: it reads the file that is open even when that lost its name.
    /// reserve and log must outlive this. Errors: SqlError.
    Backup(const std::string& path, DiskReserve& reserve, base::LogSink& log);
    Backup(const Backup&) = delete;
    Backup& operator=(const Backup&) = delete;
    /// Calls close().
    ~Backup();

    /// Begin. file: an absolute path, at which nothing is.
    ///
    /// Errors:  kMalformedRequest: not such a path, another one is under way, or too little disk
    ///          there, with what to do; kClosed.
    [[nodiscard]] base::Status start(const std::string& file);
    /// Give up the one that is under way; nothing is left of it.
    void cancel();
    [[nodiscard]] BackupProgress progress() const;
    /// cancel(), and let go of the file. Idempotent.
    void close();

 private:
    void run(const std::string& file);
    void copy(const UnfinishedFile& unfinished);
    void step_until_done(Database& target, const UnfinishedFile& unfinished);
    void rest(std::int64_t worked_us);
    void see_room(const std::string& folder, std::int64_t wanted) const;
    [[nodiscard]] std::int64_t size();

    DiskReserve& reserve_;
    base::LogSink& log_;
    std::unique_ptr<Database> source_;  ///< guarded by starting_, or used by the thread alone
    std::mutex starting_;
    std::thread thread_;

    mutable std::mutex mutex_;
    std::condition_variable cancelled_;
    bool cancelling_ = false;
    BackupProgress progress_;
};

}  // namespace incm::inbox
