#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Whether what comes can be stored, as the last try has shown, and why not.
///
/// A full disk is over when an alert was stored again, or there is room: what is smaller than an
/// alert may find its place in the log all the while.
/// Threads: failed() and wrote() by the one that stores; the others from any.
class StoreState {
 public:
    /// path: of the inbox. log must outlive this.
    StoreState(const std::string& path, base::LogSink& log);
    StoreState(const StoreState&) = delete;
    StoreState& operator=(const StoreState&) = delete;

    /// The disk refused a transaction; returns what its callers are told. One line in the log for
    /// each series of one kind.
    base::Error failed(const SqlError& error) noexcept;
    /// Pages contradict each other. Until the next start, which checks each: what can still be
    /// stored is no sign of health. One line in the log.
    void damaged(const SqlError& error) noexcept;
    /// Something was stored: a failure is over; one for lack of room only when it was an alert, or
    /// what shows as much.
    void wrote(bool stores_alert) noexcept;

    /// What failed last, and nothing was stored since.
    [[nodiscard]] std::optional<base::Error> failure() const;
    [[nodiscard]] bool is_failing() const noexcept { return kind_ != Kind::kNone; }
    /// Whether it is worth a try: not while the disk is full.
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
