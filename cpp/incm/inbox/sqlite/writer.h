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
#include "incm/inbox/activity.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/last_commit.h"
#include "incm/inbox/sqlite/latch.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/store_state.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite {

/// Runs the thread that owns the writing connection. It makes all waiting changes in one
/// transaction, commits, checks whether the file is still at its place, and releases all waiting
/// threads with one wake-up.
///
/// When a transaction fails for another reason than the disk, its operations are made in smaller
/// transactions: what can be stored is stored, and what cannot be stored fails alone.
/// After a failed fsync nothing more is written: the kernel may have dropped pages and marked them
/// clean, so that a second fsync would succeed without them (docs/promises.md, P8).
/// Threads: any, except where noted.
class Writer {
 public:
    /// Start the thread. What the arguments refer to must outlive the writer. The thread calls
    /// on_failure once, when an fsync fails. activity: counts the commits, unless it is null.
    Writer(Database& database, const InboxClock& clock, CommitNote& note, FileWatch& watch,
           StoreState& state, base::LogSink& log, std::function<void()> on_failure,
           Activity* activity = nullptr);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    /// Calls stop().
    ~Writer();

    /// Make a change and wait until it is on disk.
    /// Errors:  kStoreFailed (not made), kClosed; bad_alloc, before the change is tried.
    [[nodiscard]] base::Status run(Operation& operation);
    /// Make a change without waiting. The writer's thread calls committed() or failed(); this
    /// thread calls failed() when the writer has stopped.
    void submit(std::unique_ptr<Operation> operation);
    /// Make changes with the next commit, without waiting. They run before every run() that is
    /// called later. They are tried again while the disk cannot be written, and a few times when
    /// there is no memory. failed() is called for a change that can never be made. Dropped after
    /// stop().
    void post(Operation::List operations) noexcept;

    /// Commit the waiting changes, end the thread, and release the database. Idempotent; one thread
    /// at a time.
    void stop();

    [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
    /// Not after stop().
    [[nodiscard]] Counts counts() const noexcept { return tables_->counts(); }

 private:
    using Remedy = Operation::Remedy;
    using Failure = Operation::Failure;
    /// The operations of one transaction.
    struct Work {
        Operation::List posted;
        std::vector<Operation*> waiting;  // their threads wait
        std::vector<std::unique_ptr<Operation>> submitted;
        std::shared_ptr<Latch> done;  ///< shared by the waiting threads; the last one frees it

        /// Whether any caller waits for its result.
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
    void note_stored(const Operations& operations, std::int64_t began_us) noexcept;
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
    Activity* const activity_;
    std::unique_ptr<Tables> tables_;  ///< empty after stop()
    std::atomic<bool> failed_{false};
    /// The last transaction failed for another reason than the disk; one log line for each series.
    bool refusing_ = false;
    bool checkpoint_failing_ = false;
    Operation::List apart_;  ///< posted operations to be tried alone, so that no other fails
    std::chrono::steady_clock::time_point apart_at_;  ///< time of that try

    std::mutex mutex_;
    std::condition_variable work_added_;
    Work queued_;
    bool idle_ = false;
    bool retrying_ = false;  ///< the posted operations failed before: wait for a pause first
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace incm::inbox::sqlite
