#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/file_watch.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/last_commit.h"
#include "incm/inbox/one_shot.h"
#include "incm/inbox/sqlite.h"
#include "incm/inbox/tables.h"

namespace incm::inbox {

/// One change that the writer makes together with others.
class Operation {
 public:
    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    /// Make the change. May run again after a transaction that failed. Errors: SqlError.
    virtual void execute(Tables& tables) = 0;
    /// The change is on disk.
    virtual void committed() noexcept {}
    /// The change was not made, and is not tried again. Only for those that were submitted.
    virtual void failed(const base::Error& /*error*/) noexcept {}
};

/// The thread that owns the writing connection: it makes everything that waits in one transaction,
/// commits, looks whether the file can still be found, and releases all who wait for it with one
/// wake-up.
///
/// After a failed fsync nothing is written any more: the kernel may have dropped pages that it
/// calls clean, so that a second fsync would succeed without them (promise P8).
/// Threads: any, except where said.
class Writer {
 public:
    /// The references must outlive the writer; the thread starts here. on_failure is called by it,
    /// once, when an fsync fails.
    Writer(Database& database, const InboxClock& clock, CommitNote& note, FileWatch& watch,
           base::LogSink& log, std::function<void()> on_failure);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    /// Calls stop().
    ~Writer();

    /// Make a change and wait until it is on disk. Errors: kStoreFailed (not made), kClosed.
    [[nodiscard]] base::Status run(Operation& operation);
    /// Make a change without waiting: committed() or failed() says what became of it, by the
    /// writer's thread, or by this one when the writer has stopped.
    void submit(std::unique_ptr<Operation> operation);
    /// Make a change with the next commit, without waiting. It runs before every run() that is
    /// called later, and is tried again when a commit fails. Dropped after stop().
    void post(std::unique_ptr<Operation> operation);

    /// Commit what waits, end the thread and let go of the database. Idempotent; one thread at a
    /// time.
    void stop();

    [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
    /// Not after stop().
    [[nodiscard]] Counts counts() const noexcept { return tables_->counts(); }

 private:
    /// What the waiting threads of one transaction share; outlives the one that leaves last.
    struct Batch {
        OneShot done;
        std::optional<base::Error> error;
    };
    /// Everything of one transaction.
    struct Work {
        std::vector<std::unique_ptr<Operation>> posted;
        std::vector<Operation*> waiting;  // whose threads wait for the batch
        std::vector<std::unique_ptr<Operation>> submitted;

        /// Whether somebody wants to know what becomes of it.
        [[nodiscard]] bool is_awaited() const { return !waiting.empty() || !submitted.empty(); }
        template <typename Visit>
        void each(Visit visit) const {
            for (const auto& operation : posted) visit(*operation);
            for (Operation* operation : waiting) visit(*operation);
            for (const auto& operation : submitted) visit(*operation);
        }
        std::shared_ptr<Batch> batch;
    };

    [[nodiscard]] bool enqueue(const std::function<void(Work&)>& add);
    void loop();
    [[nodiscard]] bool next(Work& work);
    [[nodiscard]] std::optional<base::Error> commit(const Work& work);
    void repost(Work& work);
    void checkpoint_if_long();
    void note_failure(const SqlError& error);

    Database& database_;
    const InboxClock& clock_;
    CommitNote& note_;
    FileWatch& watch_;
    base::LogSink& log_;
    const std::function<void()> on_failure_;
    std::unique_ptr<Tables> tables_;  ///< empty after stop()
    std::atomic<bool> failed_{false};
    bool failing_ = false;  ///< the last commit failed; one log line a series is enough
    bool checkpoint_failing_ = false;

    std::mutex mutex_;
    std::condition_variable work_added_;
    Work queued_;
    bool idle_ = false;
    bool retrying_ = false;  ///< what is posted failed before: not before a pause
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::inbox
