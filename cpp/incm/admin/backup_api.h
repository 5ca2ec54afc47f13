#pragma once

#include <string>

#include "incm/admin/parameters.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// The part of the AdminApi about backups.
///
/// Shape:   each call returns the progress of the backup as JSON text; see docs/backup.md.
/// Errors:  kMalformedRequest and those of the inbox.
/// Threads: any.
class BackupApi {
 public:
    using Text = base::Result<std::string>;

    /// inbox: null when the inbox is only read; every call is refused then. It must outlive this
    /// object.
    explicit BackupApi(inbox::Inbox* inbox) : inbox_(inbox) {}

    [[nodiscard]] Text show(Parameters& given) const;
    [[nodiscard]] Text start(Parameters& given) const;
    [[nodiscard]] Text cancel(Parameters& given) const;

 private:
    [[nodiscard]] std::string progress() const;

    inbox::Inbox* inbox_;
};

}  // namespace incm::admin
