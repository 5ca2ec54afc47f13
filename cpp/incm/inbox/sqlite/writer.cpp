#include "incm/inbox/sqlite/writer.h"

#include <algorithm>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "incm/base/background_thread.h"
#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/inbox/errors.h"

namespace incm::inbox::sqlite {

namespace {

/// 2 MiB. A change that arrives while the log is copied back waits. A longer log is not cheaper:
/// most pages are new ones at the end of a table, which are copied once in any case.
constexpr int kCheckpointPages = 512;
constexpr auto kRetryPause = std::chrono::seconds(1);
constexpr int kMaxTimesAlone = 10;     ///< for lack of memory
constexpr int kLittlePatienceMs = 50;  ///< for a lock that another program held a moment ago

}  // namespace

Writer::Writer(Database& database, const InboxClock& clock, CommitNote& note, FileWatch& watch,
               StoreState& state, base::LogSink& log, std::function<void()> on_failure,
               Activity* activity)
    : database_(database),
      clock_(clock),
      note_(note),
      watch_(watch),
      state_(state),
      log_(log),
      on_failure_(std::move(on_failure)),
      activity_(activity),
      tables_(std::make_unique<Tables>(database)) {
    thread_ = base::start_without_signals("incm-inbox", [this] { loop(); });
}

Writer::~Writer() {
    stop();
}

base::Status Writer::run(Operation& operation) {
    auto done = std::make_shared<Latch>();
    const bool queued = enqueue([&](Work& work) {
        work.waiting.push_back(&operation);
        if (!work.done) work.done = std::move(done);
        done = work.done;
    });
    if (!queued) return closed_error();
    done->wait();
    if (operation.failure_) return operation.failure_->error;
    return base::success();
}

void Writer::submit(std::unique_ptr<Operation> operation) {
    if (!enqueue([&](Work& work) { work.submitted.push_back(std::move(operation)); })) {
        operation->failed(closed_error());
    }
}

void Writer::post(Operation::List operations) noexcept {
    static_cast<void>(
        enqueue([&](Work& work) { work.posted.splice(work.posted.end(), operations); }));
}

/// False after stop(): nothing is added then.
template <typename Add>
bool Writer::enqueue(const Add& add) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        add(queued_);
        wake = std::exchange(idle_, false);
    }
    if (wake) work_added_.notify_one();
    return true;
}

void Writer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        idle_ = false;
    }
    work_added_.notify_one();
    if (thread_.joinable()) thread_.join();
    tables_.reset();
}

void Writer::loop() {
    Work work;
    while (next(work)) {
        make(work);
        for (const auto& operation : work.submitted) {
            if (operation->failure_) operation->failed(operation->failure_->error);
        }
        sort_out(work.posted);  // first, so that waiters count no pending operation that was made
        repost(work.posted);
        if (!work.waiting.empty()) work.done->open();
        retry_apart();
        checkpoint_if_long();
    }
}

/// Wait for work and take all of it. False when there is none and no more will come.
bool Writer::next(Work& work) {
    work = {};
    std::unique_lock lock(mutex_);
    bool apart_due = false;
    while (!queued_.is_awaited() && (queued_.posted.empty() || retrying_) && !apart_due &&
           !stopping_) {
        idle_ = true;
        if (retrying_) {
            retrying_ = work_added_.wait_for(lock, kRetryPause) == std::cv_status::no_timeout;
        } else if (!apart_.empty()) {
            apart_due = work_added_.wait_until(lock, apart_at_) == std::cv_status::timeout;
        } else {
            work_added_.wait(lock);
        }
    }
    idle_ = false;
    retrying_ = false;
    std::swap(work, queued_);
    return work.is_awaited() || !work.posted.empty() || apart_due;
}

/// Make all in one transaction, or else those that can be made. The others have a failure then.
void Writer::make(const Work& work) noexcept {
    const auto all = [&](const auto& visit) { work.each(visit); };
    const std::optional<Failure> failure = transact(all);
    if (!failure) {
        if (work.is_awaited()) watch_.look_inside();
        return made(all);
    }
    std::vector<Operation*> operations;
    if (failure->remedy != Remedy::kAnotherDisk) {
        try {
            work.each([&](Operation& operation) { operations.push_back(&operation); });
        } catch (const std::bad_alloc&) {
            operations.clear();
        }
    }
    if (operations.size() > 1) {
        return make_in_parts(operations);
    }
    work.each([&](Operation& operation) { refuse(operation, *failure); });
}

/// Make as many operations as possible in each transaction: half as many after a failure, twice as
/// many after a success.
void Writer::make_in_parts(const std::vector<Operation*>& operations) noexcept {
    std::span<Operation* const> left(operations);
    std::size_t many = left.size() / 2;
    while (!left.empty()) {
        const auto some = left.first(std::min(many, left.size()));
        const auto each = [&](const auto& visit) {
            for (Operation* operation : some) visit(*operation);
        };
        const std::optional<Failure> failure = transact(each);
        if (!failure) {
            watch_.look_inside();
            made(each);
        } else if (failure->remedy == Remedy::kAnotherDisk) {
            for (Operation* operation : left) refuse(*operation, *failure);
            return;
        } else if (some.size() > 1) {
            many = some.size() / 2;
            continue;
        } else {
            refuse(*some.front(), *failure);
        }
        left = left.subspan(some.size());
        many = some.size() * 2;
    }
}

template <typename Operations>
std::optional<Operation::Failure> Writer::transact(const Operations& operations) noexcept {
    if (failed() || watch_.overwritten_now()) {
        return Failure{failed() ? failed_error() : FileWatch::error(), Remedy::kAnotherDisk};
    }
    const std::int64_t began_us = base::steady_us();
    try {
        tables_->begin(clock_.now_ms());
        operations([this](Operation& operation) { operation.execute(*tables_); });
        tables_->commit();
        note_.committed(tables_->commits(), clock_.wall_ms());
        note_stored(operations, began_us);
        return std::nullopt;
    } catch (const SqlError& error) {
        note_failure(error);
        if (error.no_memory()) return undo(Remedy::kMoreMemory, error.what());
        if (!error.refused_by_disk()) return undo(Remedy::kNone, error.what());
        tables_->rollback();
        if (error.locked()) database_.set_patience(kLittlePatienceMs);
        return Failure{state_.failed(error), Remedy::kAnotherDisk};
    } catch (const std::bad_alloc&) {
        return undo(Remedy::kMoreMemory, "there is no memory");
    } catch (const std::exception& error) {
        return undo(Remedy::kNone, error.what());
    }
}

template <typename Operations>
void Writer::made(const Operations& operations) noexcept {
    operations([](Operation& operation) {
        operation.failure_.reset();
        operation.committed();
    });
}

Operation::Failure Writer::undo(Remedy remedy, const char* reason) noexcept {
    tables_->rollback();
    try {
        return {{base::ErrorCode::kStoreFailed, std::string("the inbox cannot store: ") + reason},
                remedy};
    } catch (const std::bad_alloc&) {  // a short text needs no allocation
        return {{base::ErrorCode::kStoreFailed, "no memory"}, remedy};
    }
}

template <typename Operations>
void Writer::note_stored(const Operations& operations, std::int64_t began_us) noexcept {
    if (std::exchange(refusing_, false)) {
        log_.write(base::LogLevel::kInfo, "the inbox stores again");
    }
    if (!tables_->writes()) return;
    std::int64_t alerts = 0;
    operations([&](Operation& one) { alerts += one.stores_alert() ? 1 : 0; });
    if (activity_) activity_->committed(base::steady_us() - began_us, alerts);
    if (!state_.is_failing()) return;
    database_.set_patience(Database::kPatienceMs);
    state_.wrote(alerts > 0);
}

void Writer::refuse(Operation& operation, const Failure& failure) noexcept {
    operation.refuse(failure);
    // StoreState logs what the disk refuses.
    if (failure.remedy == Remedy::kAnotherDisk || std::exchange(refusing_, true)) return;
    try {
        log_.write(base::LogLevel::kError, base::printable(failure.error.text));
    } catch (const std::bad_alloc&) {
        log_.write(base::LogLevel::kError, "the inbox cannot store: there is no memory");
    }
}

/// Keep the posted operations that the disk refused. No caller waits for them, so none would post
/// them again: one that lacked memory is tried again alone, one refused for its content in parts.
void Writer::sort_out(Operation::List& posted) noexcept {
    for (auto next = posted.begin(); next != posted.end();) {
        const auto here = next++;
        Operation& operation = **here;
        if (!operation.failure_) {
            posted.erase(here);
            continue;
        }
        Remedy remedy = operation.failure_->remedy;
        Operation::List parts;
        if (remedy == Remedy::kNone) {
            try {
                parts = operation.parts();
            } catch (const std::bad_alloc&) {
                remedy = Remedy::kMoreMemory;
            }
        }
        if (remedy == Remedy::kAnotherDisk) {
            continue;
        }
        if (remedy == Remedy::kMoreMemory && ++operation.times_alone_ <= kMaxTimesAlone) {
            apart_.splice(apart_.end(), posted, here);
            apart_at_ = std::chrono::steady_clock::now() + kRetryPause;
            continue;
        }
        if (parts.empty()) {
            operation.failed(operation.failure_->error);
        } else {
            apart_.splice(apart_.end(), parts);
            apart_at_ = {};
        }
        posted.erase(here);
    }
}

/// Try each in a transaction of its own.
void Writer::retry_apart() noexcept {
    const auto now = std::chrono::steady_clock::now();
    if (apart_.empty() || now < apart_at_) return;
    Operation::List due;
    due.swap(apart_);
    apart_at_ = now + kRetryPause;
    for (const auto& operation : due) {
        const auto each = [&](const auto& visit) { visit(*operation); };
        if (const std::optional<Failure> failure = transact(each)) {
            refuse(*operation, *failure);
        } else {
            made(each);
        }
    }
    sort_out(due);
    apart_.splice(apart_.end(), due);
}

void Writer::repost(Operation::List& posted) noexcept {
    const std::lock_guard lock(mutex_);
    if (posted.empty() || stopping_ || failed()) return;
    queued_.posted.splice(queued_.posted.begin(), posted);
    retrying_ = true;
}

void Writer::checkpoint_if_long() {
    // When the log of a file was removed, each commit has to be in the file itself.
    const int longest = watch_.lost() ? 1 : kCheckpointPages;
    if (database_.wal_pages() < longest || failed() || watch_.overwritten()) {
        return;
    }
    try {
        database_.checkpoint(false);
        watch_.folded(tables_->commits());
        if (database_.wal_pages() == 0) tables_->folded();
        checkpoint_failing_ = false;
    } catch (const SqlError& error) {
        // The log is as safe as the file: the next commit tries again. A program that holds the
        // lock copies the log itself.
        note_failure(error);
        if (!error.locked() && !std::exchange(checkpoint_failing_, true)) {
            log_.write(base::LogLevel::kError,
                       "the inbox cannot copy its log back: " + base::printable(error.what()));
        }
    }
}

void Writer::note_failure(const SqlError& error) {
    if (error.damaged()) {
        watch_.look_inside();
        if (!watch_.overwritten()) state_.damaged(error);
    }
    if (error.sync_failed() && !failed_.exchange(true, std::memory_order_acq_rel)) {
        on_failure_();
    }
}

}  // namespace incm::inbox::sqlite
