#include "incm/inbox/writer.h"

#include <chrono>
#include <exception>
#include <iterator>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/background_thread.h"
#include "incm/inbox/errors.h"

namespace incm::inbox {

namespace {

/// 2 MiB. Who comes while the log is copied back waits for it. A longer log would be no cheaper:
/// most of its pages are new ones at the end of a table, which are copied once either way.
constexpr int kCheckpointPages = 512;
constexpr auto kRetryPause = std::chrono::seconds(1);

}  // namespace

Writer::Writer(Database& database, const InboxClock& clock, CommitNote& note, FileWatch& watch,
               base::LogSink& log, std::function<void()> on_failure)
    : database_(database),
      clock_(clock),
      note_(note),
      watch_(watch),
      log_(log),
      on_failure_(std::move(on_failure)),
      tables_(std::make_unique<Tables>(database)) {
    queued_.batch = std::make_shared<Batch>();
    thread_ = start_without_signals("incm-inbox", [this] { loop(); });
}

Writer::~Writer() {
    stop();
}

base::Status Writer::run(Operation& operation) {
    std::shared_ptr<Batch> batch;
    const bool queued = enqueue([&](Work& work) {
        work.waiting.push_back(&operation);
        batch = work.batch;
    });
    if (!queued) {
        return closed_error();
    }
    batch->done.wait();
    if (batch->error) {
        return *batch->error;
    }
    return base::success();
}

void Writer::submit(std::unique_ptr<Operation> operation) {
    if (!enqueue([&](Work& work) { work.submitted.push_back(std::move(operation)); })) {
        operation->failed(closed_error());
    }
}

void Writer::post(std::unique_ptr<Operation> operation) {
    static_cast<void>(enqueue([&](Work& work) { work.posted.push_back(std::move(operation)); }));
}

/// False after stop(): nothing is added then.
bool Writer::enqueue(const std::function<void(Work&)>& add) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            return false;
        }
        add(queued_);
        wake = std::exchange(idle_, false);
    }
    if (wake) {
        work_added_.notify_one();
    }
    return true;
}

void Writer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        idle_ = false;
    }
    work_added_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
    tables_.reset();
}

void Writer::loop() {
    Work work;
    while (next(work)) {
        const std::optional<base::Error> error = commit(work);
        if (error) {
            repost(work);
        } else {
            if (work.is_awaited()) watch_.look();
            work.each([](Operation& operation) { operation.committed(); });
        }
        for (const auto& operation : work.submitted) {
            if (error) operation->failed(*error);
        }
        work.posted.clear();  // who counts what is pending counts no more of it
        work.batch->error = error;
        if (!work.waiting.empty()) work.batch->done.open();
        checkpoint_if_long();
    }
}

/// Wait for work and take all of it. False when there is none and none will come.
bool Writer::next(Work& work) {
    work = {};
    work.batch = std::make_shared<Batch>();
    std::unique_lock lock(mutex_);
    while (!queued_.is_awaited() && (queued_.posted.empty() || retrying_) && !stopping_) {
        idle_ = true;
        if (retrying_) {
            retrying_ = work_added_.wait_for(lock, kRetryPause) == std::cv_status::no_timeout;
        } else {
            work_added_.wait(lock);
        }
    }
    idle_ = false;
    retrying_ = false;
    std::swap(work, queued_);
    return work.is_awaited() || !work.posted.empty();
}

std::optional<base::Error> Writer::commit(const Work& work) {
    if (failed()) {
        return base::Error{base::ErrorCode::kStoreFailed,
                           "the inbox takes nothing more, because the disk failed to write: "
                           "check the disk and start again"};
    }
    std::string reason;
    try {
        tables_->begin(clock_.now_ms());
        work.each([this](Operation& operation) { operation.execute(*tables_); });
        tables_->commit();
        note_.committed(tables_->commits(), clock_.wall_ms());
        if (std::exchange(failing_, false)) {
            log_.write(base::LogLevel::kInfo, "the inbox stores again");
        }
        return std::nullopt;
    } catch (const SqlError& error) {
        note_failure(error);
        reason = error.what();
    } catch (const std::exception& error) {
        reason = error.what();
    }
    tables_->rollback();
    if (!std::exchange(failing_, true)) {
        log_.write(base::LogLevel::kError, "the inbox cannot store: " + base::printable(reason));
    }
    return base::Error{base::ErrorCode::kStoreFailed, "the inbox cannot store: " + reason};
}

/// Nobody waits for what was posted, so nobody would post it again.
void Writer::repost(Work& work) {
    const std::lock_guard lock(mutex_);
    if (work.posted.empty() || stopping_ || failed()) {
        return;
    }
    queued_.posted.insert(queued_.posted.begin(), std::make_move_iterator(work.posted.begin()),
                          std::make_move_iterator(work.posted.end()));
    retrying_ = true;
}

void Writer::checkpoint_if_long() {
    // Of a file whose log was removed, each commit has to be in the file itself.
    const int longest = watch_.lost() ? 1 : kCheckpointPages;
    if (database_.wal_pages() < longest || failed()) {
        return;
    }
    try {
        database_.checkpoint(false);
        if (database_.wal_pages() == 0) tables_->folded();
        checkpoint_failing_ = false;
    } catch (const SqlError& error) {
        // The log is as good as the file: nothing is lost, and the next commit tries again.
        note_failure(error);
        if (!std::exchange(checkpoint_failing_, true)) {
            log_.write(base::LogLevel::kError,
                       "the inbox cannot copy its log back: " + base::printable(error.what()));
        }
    }
}

void Writer::note_failure(const SqlError& error) {
    if (error.sync_failed() && !failed_.exchange(true, std::memory_order_acq_rel)) {
        on_failure_();
    }
}

}  // namespace incm::inbox
