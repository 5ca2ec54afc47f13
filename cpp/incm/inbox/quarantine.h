#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/quarantined_request.h"

namespace incm::inbox {

/// Keeps requests that were refused, within the bounds of quarantined_request.h.
///
/// Threads: any.
/// Source:  docs/inbox.md, The quarantine.
class Quarantine {
 public:
    Quarantine() = default;
    Quarantine(const Quarantine&) = delete;
    Quarantine& operator=(const Quarantine&) = delete;
    virtual ~Quarantine() = default;

    /// Quarantine an authentic body that is not an alert; blocks until it is durable.
    ///
    /// Errors:  kStoreFailed, kDiskLow, kClosed: it is not kept.
    [[nodiscard]] virtual base::Status keep(QuarantinedRequest rejected) = 0;

    /// Quarantine a request whose sender is not authenticated. It is written with the next commit,
    /// which this call does not wait for.
    ///
    /// Shape:   false when it will not be kept: kMaxPending requests or kMaxPendingBytes wait
    ///          already, or the disk is nearly full. While the disk takes nothing, it is tried
    ///          again. not_kept is called when it turns out that it can never be stored, which is
    ///          logged.
    /// Threads: not_kept is called by another thread and may not throw.
    [[nodiscard]] virtual bool keep_later(QuarantinedRequest rejected,
                                          std::function<void()> not_kept) = 0;
    /// Do the same without a call when it can never be stored.
    [[nodiscard]] bool keep_later(QuarantinedRequest rejected) {
        return keep_later(std::move(rejected), [] {});
    }

    /// Delete the requests with these numbers in one transaction, and return how many there were.
    ///
    /// Blocks until that is durable. Errors: kStoreFailed, kClosed: nothing is deleted.
    [[nodiscard]] virtual base::Result<std::int64_t> drop(std::vector<std::int64_t> ids) = 0;

    // As many as are kept: on a disk that takes a second for a sync, none is lost of those that the
    // limits of peers let in.
    static constexpr std::int64_t kMaxPending = kMaxHostile;
    static constexpr std::int64_t kMaxPendingBytes = kMaxHostileBytes;
};

}  // namespace incm::inbox
