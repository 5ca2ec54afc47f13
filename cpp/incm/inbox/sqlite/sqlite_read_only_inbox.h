#pragma once

#include <memory>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/read_only_inbox.h"
#include "incm/inbox/sqlite/sqlite_catalog.h"

namespace incm::inbox::sqlite {

/// Reads the file of an inbox that no process has open. Nothing is written to it or left beside it,
/// so that a copy in a read-only folder can be read too.
///
/// Threads: any.
class SqliteReadOnlyInbox final : public ReadOnlyInbox {
 public:
    /// Open the file, with its write-ahead log when SQLite can create an index beside it; otherwise
    /// a warning is logged.
    ///
    /// Errors:  kInboxForeign, kInboxNewer, kInboxInUse; kInboxUnusable, also for a version before
    ///          kOldestReadable.
    [[nodiscard]] static base::Result<std::unique_ptr<SqliteReadOnlyInbox>> open(
        const std::string& path, base::LogSink& log);
    SqliteReadOnlyInbox(const SqliteReadOnlyInbox&) = delete;
    SqliteReadOnlyInbox& operator=(const SqliteReadOnlyInbox&) = delete;
    ~SqliteReadOnlyInbox() override;

    [[nodiscard]] Catalog& catalog() noexcept override { return catalog_; }
    void close() override { catalog_.close(); }

    static constexpr std::int64_t kOldestReadable = 5;

 private:
    SqliteReadOnlyInbox(std::string path, std::unique_ptr<Database> database, bool made_index);

    const std::string path_;
    const bool made_index_;  ///< remove the index at the end
    InboxClock clock_;
    SqliteCatalog catalog_;
};

}  // namespace incm::inbox::sqlite
