#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "incm/base/log.h"
#include "incm/inbox/backup.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/disk_reserve.h"
#include "incm/inbox/sqlite/unfinished.h"

namespace incm::inbox::sqlite {

/// Copies the inbox into another file while it is open.
///
/// A thread copies page by page from one snapshot, so the copy ends no matter how many alerts
/// arrive. After each step it rests for as long as it worked. During the copy the log grows with
/// every change. The copy gets its name when it is complete and on disk: it is a closed inbox
/// without a log.
/// Threads: any.
class SqliteBackup final : public Backup {
 public:
    /// Open the connection now, so that it reads the open file even after that has lost its name.
    /// reserve and log must outlive this object. Errors: SqlError.
    SqliteBackup(const std::string& path, DiskReserve& reserve, base::LogSink& log);
    SqliteBackup(const SqliteBackup&) = delete;
    SqliteBackup& operator=(const SqliteBackup&) = delete;
    /// Calls close().
    ~SqliteBackup() override;

    [[nodiscard]] base::Status start(const std::string& file) override;
    void cancel() override;
    [[nodiscard]] BackupProgress progress() const override;
    /// Call cancel(), and close the connection. Idempotent.
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

}  // namespace incm::inbox::sqlite
