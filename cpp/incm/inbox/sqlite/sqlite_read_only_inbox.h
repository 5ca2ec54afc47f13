#pragma once

#include <memory>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/read_only_inbox.h"
#include "incm/inbox/sqlite/sqlite_catalog.h"

namespace incm::inbox::sqlite {

/// A file that no process has open, opened to be read. Nothing is written to it, and nothing is
/// left beside it, so that a copy in a read-only folder can be read too.
///
/// Threads: any.
class SqliteReadOnlyInbox final : public ReadOnlyInbox {
 public:
    /// Reads the write-ahead log as well where SQLite can make an index beside it; logs a warning
    /// where it cannot.
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
    const bool made_index_;  ///< to be removed at the end
    InboxClock clock_;
    SqliteCatalog catalog_;
};

}  // namespace incm::inbox::sqlite
