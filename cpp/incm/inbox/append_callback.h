#pragma once

#include "incm/base/result.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// Whoever wants to know what became of an alert, without waiting for it.
///
/// Without memory it may be destroyed without having been told.
/// Threads: told() once, by the thread that gave the alert or by the inbox's own, which stores
///          nothing meanwhile: it must be short.
class AppendCallback {
 public:
    AppendCallback() = default;
    AppendCallback(const AppendCallback&) = delete;
    AppendCallback& operator=(const AppendCallback&) = delete;
    virtual ~AppendCallback() = default;

    /// The alert is on disk, or the error says why it is not.
    virtual void on_complete(const base::Result<Stored>& stored) noexcept = 0;
};

}  // namespace incm::inbox
