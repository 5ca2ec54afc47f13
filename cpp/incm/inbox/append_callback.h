#pragma once

#include "incm/base/result.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// Gets what became of an alert, without a thread that waits for it.
///
/// May be destroyed without a call when there is no memory.
/// Threads: on_complete() is called once, by the thread that appended the alert or by the inbox's
///          own thread, which stores nothing meanwhile: it must be short.
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
