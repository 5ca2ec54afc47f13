#pragma once

#include <memory>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox_clock.h"

namespace incm::inbox {

/// An inbox that no process has open, to be looked at: nothing is written to it, or left beside it.
/// So a copy in a folder that is read-only can be read, too.
///
/// Threads: any.
class Reading {
 public:
    /// Reads the log as well, when it can be: SQLite wants to make an index beside it. The log says
    /// when it cannot.
    ///
    /// Errors:  kInboxForeign, kInboxNewer, kInboxInUse; kInboxUnusable, also for a version before
    ///          kOldestReadable.
    [[nodiscard]] static base::Result<std::unique_ptr<Reading>> open(const std::string& path,
                                                                     base::LogSink& log);
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading();

    [[nodiscard]] Catalog& catalog() noexcept { return catalog_; }

    static constexpr std::int64_t kOldestReadable = 5;

 private:
    Reading(std::string path, std::unique_ptr<Database> database, bool made_index);

    const std::string path_;
    const bool made_index_;  ///< to be removed at the end
    InboxClock clock_;
    Catalog catalog_;
};

}  // namespace incm::inbox
