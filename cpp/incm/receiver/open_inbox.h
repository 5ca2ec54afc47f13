#pragma once

#include <memory>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/read_only_inbox.h"

namespace incm::receiver {

// The only place that lists the storage backends. A URL is `SCHEME:REST`; the scheme chooses the
// backend, and the backend reads the rest. `sqlite:PATH` is a file.

/// Open an inbox to work with. may_create: create one when there is none. keep_copy: keep a copy of
/// an older inbox before it is migrated.
///
/// Errors:  kBadConfig for an unknown scheme. kInboxUnusable when there is no inbox and may_create
///          is false. Those of the backend: SqliteInbox::open().
/// Threads: any; log must outlive the inbox.
[[nodiscard]] base::Result<std::unique_ptr<inbox::Inbox>> open_inbox(const std::string& url,
                                                                     const inbox::Options& options,
                                                                     bool may_create,
                                                                     base::LogSink& log,
                                                                     bool keep_copy = true);

/// Open an inbox that no server has open, only to read it. Nothing is written, not even a file
/// beside it.
///
/// Errors:  kBadConfig for an unknown scheme. kInboxUnusable when there is no inbox. Those of the
///          backend: SqliteReadOnlyInbox::open().
/// Threads: any; log must outlive the object.
[[nodiscard]] base::Result<std::unique_ptr<inbox::ReadOnlyInbox>> open_inbox_to_read(
    const std::string& url, base::LogSink& log);

}  // namespace incm::receiver
