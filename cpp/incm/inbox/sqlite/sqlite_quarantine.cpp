#include "incm/inbox/sqlite/sqlite_quarantine.h"

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/sqlite/disk_reserve.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/tables.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

namespace {

class Keep final : public Operation {
 public:
    explicit Keep(QuarantinedRequest rejected) : rejected_(std::move(rejected)) {}
    void execute(Tables& tables) override { tables.quarantine(rejected_); }

 private:
    const QuarantinedRequest rejected_;
};

class Drop final : public Operation {
 public:
    explicit Drop(std::vector<std::int64_t> ids) : ids_(std::move(ids)) {}
    void execute(Tables& tables) override {
        dropped_ = 0;
        for (const std::int64_t id : ids_) {
            dropped_ += tables.drop_rejected(id) ? 1 : 0;
        }
    }
    [[nodiscard]] std::int64_t dropped() const noexcept { return dropped_; }

 private:
    const std::vector<std::int64_t> ids_;
    std::int64_t dropped_ = 0;
};

}  // namespace

class KeepLater final : public Operation {
 public:
    KeepLater(QuarantinedRequest rejected, SqliteQuarantine::Pending& pending,
              std::function<void()> not_kept, base::LogSink& log)
        : rejected_(std::move(rejected)),
          bytes_(static_cast<std::int64_t>(rejected_.body.size())),
          pending_(pending),
          not_kept_(std::move(not_kept)),
          log_(log) {
        ++pending_.count;
        pending_.bytes += bytes_;
    }
    KeepLater(const KeepLater&) = delete;
    KeepLater& operator=(const KeepLater&) = delete;
    ~KeepLater() override {
        --pending_.count;
        pending_.bytes -= bytes_;
    }
    void execute(Tables& tables) override { tables.quarantine(rejected_); }
    void failed(const base::Error& error) noexcept override {
        not_kept_();
        try {
            log_.write(base::LogLevel::kError,
                       "a refused request to " + base::printable(rejected_.endpoint) + " from " +
                           base::printable(rejected_.peer) + " is not kept in the quarantine (" +
                           base::printable(error.text) + ")");
        } catch (const std::bad_alloc&) {
            log_.write(base::LogLevel::kError, "a refused request is not kept in the quarantine");
        }
    }

 private:
    const QuarantinedRequest rejected_;
    const std::int64_t bytes_;
    SqliteQuarantine::Pending& pending_;
    const std::function<void()> not_kept_;
    base::LogSink& log_;
};

base::Status SqliteQuarantine::keep(QuarantinedRequest rejected) {
    if (reserve_.low_now()) {
        return low_disk_error();
    }
    if (watch_.lost_now()) {
        return FileWatch::error();
    }
    Keep operation(std::move(rejected));
    const base::Status done = writer_.run(operation);
    return done.ok() && watch_.lost() ? FileWatch::error() : done;
}

bool SqliteQuarantine::keep_later(QuarantinedRequest rejected, std::function<void()> not_kept) {
    if (reserve_.low() || watch_.lost() || pending_.count >= kMaxPending ||
        pending_.bytes >= kMaxPendingBytes) {
        return false;
    }
    Operation::List posted;
    posted.push_back(
        std::make_unique<KeepLater>(std::move(rejected), pending_, std::move(not_kept), log_));
    writer_.post(std::move(posted));
    return true;
}

base::Result<std::int64_t> SqliteQuarantine::drop(std::vector<std::int64_t> ids) {
    Drop operation(std::move(ids));
    const base::Status done = writer_.run(operation);
    if (!done) {
        return done.error();
    }
    return operation.dropped();
}

}  // namespace incm::inbox::sqlite
