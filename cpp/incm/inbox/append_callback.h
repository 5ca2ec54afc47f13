#pragma once

#include "incm/base/result.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// Receives the result of storing an alert, so that no thread has to wait for it.
///
/// May be destroyed without being called when memory runs out.
/// Threads: on_complete() is called once, by the thread that appended the alert or by the inbox's
///          own thread. The inbox stores nothing during the call, so it must be short.
class AppendCallback {
 public:
    AppendCallback() = default;
    AppendCallback(const AppendCallback&) = delete;
    AppendCallback& operator=(const AppendCallback&) = delete;
    virtual ~AppendCallback() = default;

    /// Called when the alert is on disk, or with the error that says why it is not.
    virtual void on_complete(const base::Result<Stored>& stored) noexcept = 0;
};

}  // namespace incm::inbox
