#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/ingest.h"

namespace incm::admin {

/// What one call changed, and where the next call continues; without `next` the work is done.
template <typename Cursor>
struct Progress {
    std::int64_t changed = 0;
    std::optional<Cursor> next;
};

/// Which alerts to deliver again, and to which plugins.
struct Replay {
    inbox::AlertQuery alerts;
    std::vector<ingest::Route> routes;  ///< the plugins; each gets the alerts that its filter wants
    bool dry_run = false;               ///< count only
};

/// Make deliveries of stored alerts again, in transactions so short that no sender waits long for
/// one of them.
///
/// A call ends after kStepsACall transactions, so that the caller can show the progress and can
/// stop.
/// Errors:  those of Inbox::change() and Catalog; what was changed before an error stays changed.
/// Threads: any.
[[nodiscard]] base::Result<Progress<std::int64_t>> replay(inbox::Inbox& inbox, Replay what);
/// Change the deliveries that the query finds: dead letters by `how`, orphaned ones by kDropOpen.
/// Errors and threads as replay().
/// how: kRetry (leaves orphaned deliveries alone) or kDropDead.
[[nodiscard]] base::Result<Progress<inbox::UndeliveredCursor>> change_undelivered(
    inbox::Inbox& inbox, inbox::OperatorAction how, inbox::UndeliveredQuery query);
/// Change these deliveries, of any number; returns how many were changed. Errors and threads as
/// replay().
[[nodiscard]] base::Result<std::int64_t> change_all(inbox::Inbox& inbox, inbox::OperatorAction how,
                                                    std::vector<inbox::DeliveryName> deliveries);

inline constexpr int kStepsACall = 32;

}  // namespace incm::admin
