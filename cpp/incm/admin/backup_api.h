#pragma once

#include <string>

#include "incm/admin/parameters.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// The part of the AdminApi about backups.
///
/// Shape:   each call gives the JSON text of how far the backup is; see docs/backup.md.
/// Errors:  kMalformedRequest and those of the inbox.
/// Threads: any.
class BackupApi {
 public:
    using Text = base::Result<std::string>;

    /// inbox: null when it is only read; nothing may be asked then. It must outlive this.
    explicit BackupApi(inbox::Inbox* inbox) : inbox_(inbox) {}

    [[nodiscard]] Text show(Parameters& given) const;
    [[nodiscard]] Text start(Parameters& given) const;
    [[nodiscard]] Text cancel(Parameters& given) const;

 private:
    [[nodiscard]] std::string progress() const;

    inbox::Inbox* inbox_;
};

}  // namespace incm::admin
