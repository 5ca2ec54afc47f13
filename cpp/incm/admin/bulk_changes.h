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

/// What a call did, and where the next one goes on; without `next` there is nothing left to do.
template <typename Cursor>
struct Progress {
    std::int64_t changed = 0;
    std::optional<Cursor> next;
};

/// Which alerts to deliver again, and to whom.
struct Replay {
    inbox::AlertQuery alerts;
    std::vector<ingest::Route> routes;  ///< those alerts go to them that their filters want
    bool dry_run = false;               ///< count only
};

/// Changes of many deliveries, in transactions so small that no sender waits long for one of them.
///
/// A call ends after kStepsACall transactions, so that its caller hears of the progress and can
/// stop.
/// Errors:  those of Inbox::change() and Catalog; what was changed before stays changed.
/// Threads: any.
[[nodiscard]] base::Result<Progress<std::int64_t>> replay(inbox::Inbox& inbox, Replay what);
/// Change what the query finds: dead letters by `how`, orphaned ones by kDropOpen.
/// how: kRetry (leaves orphaned ones alone) or kDropDead.
[[nodiscard]] base::Result<Progress<inbox::UndeliveredCursor>> change_undelivered(
    inbox::Inbox& inbox, inbox::OperatorAction how, inbox::UndeliveredQuery query);
/// Change these deliveries, however many; returns how many were changed.
[[nodiscard]] base::Result<std::int64_t> change_all(inbox::Inbox& inbox, inbox::OperatorAction how,
                                                    std::vector<inbox::DeliveryName> deliveries);

inline constexpr int kStepsACall = 32;

}  // namespace incm::admin
