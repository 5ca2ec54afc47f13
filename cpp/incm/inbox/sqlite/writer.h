#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/last_commit.h"
#include "incm/inbox/sqlite/latch.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/store_state.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite {

/// The thread that owns the writing connection: it makes everything that waits in one transaction,
/// commits, looks whether the file can still be found, and releases all who wait for it with one
/// wake-up.
///
/// When it is not the disk that refuses a transaction, its operations are made in smaller ones:
/// what can be stored is stored, and what cannot fails alone.
/// After a failed fsync nothing is written any more: the kernel may have dropped pages that it
/// calls clean, so that a second fsync would succeed without them (docs/promises.md, P8).
/// Threads: any, except where said.
class Writer {
 public:
    /// The references must outlive the writer; the thread starts here. on_failure is called by it,
    /// once, when an fsync fails.
    Writer(Database& database, const InboxClock& clock, CommitNote& note, FileWatch& watch,
           StoreState& state, base::LogSink& log, std::function<void()> on_failure);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    /// Calls stop().
    ~Writer();

    /// Make a change and wait until it is on disk. Errors: kStoreFailed (not made), kClosed;
    /// bad_alloc, before it is tried.
    [[nodiscard]] base::Status run(Operation& operation);
    /// Make a change without waiting: committed() or failed() says what became of it, by the
    /// writer's thread, or by this one when the writer has stopped.
    void submit(std::unique_ptr<Operation> operation);
    /// Make changes with the next commit, without waiting. They run before every run() that is
    /// called later, and are tried again while the disk takes nothing, and a few times when there
    /// is no memory. failed() says that one can never be made. Dropped after stop().
    void post(Operation::List operations) noexcept;

    /// Commit what waits, end the thread and let go of the database. Idempotent; one thread at a
    /// time.
    void stop();

    [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
    /// Not after stop().
    [[nodiscard]] Counts counts() const noexcept { return tables_->counts(); }

 private:
    using Remedy = Operation::Remedy;
    using Failure = Operation::Failure;
    /// Everything of one transaction.
    struct Work {
        Operation::List posted;
        std::vector<Operation*> waiting;  // whose threads wait
        std::vector<std::unique_ptr<Operation>> submitted;
        std::shared_ptr<Latch> done;  ///< what the waiting threads share; the last one frees it

        /// Whether somebody wants to know what becomes of it.
        [[nodiscard]] bool is_awaited() const { return !waiting.empty() || !submitted.empty(); }
        template <typename Visit>
        void each(Visit visit) const {
            for (const auto& operation : posted) visit(*operation);
            for (Operation* operation : waiting) visit(*operation);
            for (const auto& operation : submitted) visit(*operation);
        }
    };

    template <typename Add>
    [[nodiscard]] bool enqueue(const Add& add);
    void loop();
    [[nodiscard]] bool next(Work& work);
    void make(const Work& work) noexcept;
    void make_in_parts(const std::vector<Operation*>& operations) noexcept;
    template <typename Operations>
    [[nodiscard]] std::optional<Failure> transact(const Operations& operations) noexcept;
    template <typename Operations>
    void made(const Operations& operations) noexcept;
    [[nodiscard]] Failure undo(Remedy remedy, const char* reason) noexcept;
    template <typename Operations>
    void note_stored(const Operations& operations) noexcept;
    void refuse(Operation& operation, const Failure& failure) noexcept;
    void repost(Operation::List& posted) noexcept;
    void sort_out(Operation::List& posted) noexcept;
    void retry_apart() noexcept;
    void checkpoint_if_long();
    void note_failure(const SqlError& error);

    Database& database_;
    const InboxClock& clock_;
    CommitNote& note_;
    FileWatch& watch_;
    StoreState& state_;
    base::LogSink& log_;
    const std::function<void()> on_failure_;
    std::unique_ptr<Tables> tables_;  ///< empty after stop()
    std::atomic<bool> failed_{false};
    bool refusing_ = false;  ///< not for the disk; one log line a series is enough
    bool checkpoint_failing_ = false;
    Operation::List apart_;  ///< posted ones that are to be tried alone, so that no other fails
    std::chrono::steady_clock::time_point apart_at_;  ///< when

    std::mutex mutex_;
    std::condition_variable work_added_;
    Work queued_;
    bool idle_ = false;
    bool retrying_ = false;  ///< what is posted failed before: not before a pause
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::inbox::sqlite
