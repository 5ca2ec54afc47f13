#include "incm/inbox/sqlite/housekeeper.h"

#include <chrono>
#include <new>
#include <utility>

#include "incm/base/background_thread.h"
#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/operations.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::chrono::seconds kPeriod{1};
// Alerts that were kept because they were not delivered are checked again after this many periods.
constexpr int kPeriodsOfARound = 600;
// A step lasts some milliseconds, so that pruning uses at most a fifth of the writer's time, and is
// still faster than alerts can arrive.
constexpr std::chrono::milliseconds kPauseBetweenSteps{20};

/// Makes the writer maintain its log.
class Nothing : public Operation {
 public:
    void execute(Tables& /*tables*/) override {}
};

/// A transaction that shows whether other transactions would succeed.
class Probe final : public Nothing {
 public:
    void execute(Tables& tables) override { tables.touch(); }
    [[nodiscard]] bool stores_alert() const noexcept override { return true; }
};

}  // namespace

Housekeeper::Housekeeper(Writer& writer, DiskReserve& reserve, FileWatch& watch,
                         const StoreState& state, LogLength& log_length, base::LogSink& log,
                         std::int64_t retention_ms, Activity* activity)
    : writer_(writer),
      reserve_(reserve),
      watch_(watch),
      state_(state),
      log_length_(log_length),
      log_(log),
      retention_ms_(retention_ms),
      activity_(activity) {
    thread_ = base::start_without_signals("incm-tidy", [this] { loop(); });
}

Housekeeper::~Housekeeper() {
    stop();
}

void Housekeeper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stop_asked_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Housekeeper::loop() {
    for (int period = 0; pause(kPeriod); ++period) {
        freed_memory_.look();
        try {
            tidy(period % kPeriodsOfARound == 0);
        } catch (const std::bad_alloc&) {
            // The next period may have memory.
        }
    }
}

/// False when a stop was requested.
bool Housekeeper::pause(std::chrono::milliseconds length) {
    std::unique_lock lock(mutex_);
    return !stop_asked_.wait_for(lock, length, [this] { return stopping_; });
}

std::int64_t Housekeeper::tidy(bool whole) {
    const std::lock_guard lock(tidying_);
    reserve_.refresh();
    watch_.look_at_all();
    log_length_.look(log_);
    if (state_.is_failing() && state_.may_try()) {
        Probe operation;
        static_cast<void>(writer_.run(operation));
    }
    if (watch_.lost() || retention_ms_ <= 0) {
        // The writer checks the content of the file, and copies into it what is only in a log that
        // no longer has a name.
        Nothing operation;
        static_cast<void>(writer_.run(operation));
        return 0;
    }
    std::int64_t pruned = 0;
    if (whole) {
        cursor_ = 0;
    }
    for (;;) {
        Prune step(cursor_, retention_ms_);
        const base::Status done = writer_.run(step);
        if (!done) {
            if (done.error().code != base::ErrorCode::kClosed && !std::exchange(failing_, true)) {
                log_.write(base::LogLevel::kError,
                           "old alerts cannot be pruned: " + base::printable(done.error().text));
            }
            return pruned;
        }
        failing_ = false;
        pruned += step.result().pruned;
        if (activity_) activity_->pruned(step.result().pruned);
        cursor_ = step.result().cursor;
        if (!step.result().more || !pause(kPauseBetweenSteps)) {
            return pruned;
        }
    }
}

}  // namespace incm::inbox::sqlite
