#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Tracks whether alerts can be stored, judged by the last try, and why not.
///
/// The state "disk full" ends when an alert is stored again, or when there is room. Other
/// successful changes do not end it: a change smaller than an alert may fit into the log all the
/// time.
/// Threads: failed() and wrote() only by the thread that stores; the others by any thread.
class StoreState {
 public:
    /// path: of the inbox. log must outlive this object.
    StoreState(const std::string& path, base::LogSink& log);
    StoreState(const StoreState&) = delete;
    StoreState& operator=(const StoreState&) = delete;

    /// Report that the disk refused a transaction. Returns the error for its callers. Logs one line
    /// for each series of failures of one kind.
    base::Error failed(const SqlError& error) noexcept;
    /// Report that pages contradict each other. Lasts until the next start, which checks each page:
    /// a change that can still be stored does not prove that the file is intact. Logs one line.
    void damaged(const SqlError& error) noexcept;
    /// Report that a change was stored. This ends a failure; a lack of room ends only when the
    /// change was an alert, or proves that alerts can be stored.
    void wrote(bool stores_alert) noexcept;

    /// The last failure, if nothing was stored since.
    [[nodiscard]] std::optional<base::Error> failure() const;
    [[nodiscard]] bool is_failing() const noexcept { return kind_ != Kind::kNone; }
    /// Whether a try makes sense: not while the disk is full.
    [[nodiscard]] bool may_try() const noexcept;

 private:
    enum class Kind { kNone, kLocked, kFull, kOther };
    base::Error note(const SqlError& error);

    const std::string path_;
    const std::string folder_;
    const std::string index_path_;
    base::LogSink& log_;
    std::atomic<Kind> kind_{Kind::kNone};
    std::atomic<bool> damaged_{false};
    mutable std::mutex mutex_;  // protects reason_
    std::string reason_;
};

}  // namespace incm::inbox::sqlite
