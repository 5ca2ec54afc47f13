#include "incm/inbox/sqlite/store_state.h"

#include <filesystem>
#include <new>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/disk_trouble.h"
#include "incm/inbox/sqlite/foreign_lock.h"
#include "incm/inbox/sqlite/inbox_file.h"

namespace incm::inbox::sqlite {

namespace {

base::Error error_of(const std::string& reason) {
    return {base::ErrorCode::kStoreFailed, "the inbox cannot store: " + reason};
}

}  // namespace

StoreState::StoreState(const std::string& path, base::LogSink& log)
    : path_(path),
      folder_(std::filesystem::path(path).parent_path().string()),
      index_path_(path + "-shm"),
      log_(log) {}

base::Error StoreState::failed(const SqlError& error) noexcept {
    try {
        return note(error);
    } catch (const std::bad_alloc&) {
        kind_ = Kind::kOther;
        return {base::ErrorCode::kStoreFailed, "no memory"};  // a short text needs no allocation
    }
}

base::Error StoreState::note(const SqlError& error) {
    const Kind kind = error.locked() ? Kind::kLocked : error.full() ? Kind::kFull : Kind::kOther;
    std::string reason = error.what();
    if (kind == Kind::kLocked) {
        // Searched only once for each series: it costs a walk over all locks of the machine.
        if (kind_ == Kind::kLocked) {
            return *failure();
        }
        reason = foreign_writer(index_path_);
        if (reason.empty()) reason = "another program";
        reason += " has locked it for writing; end its transaction";
    }
    base::Error answer = error_of(reason);
    {
        const std::lock_guard lock(mutex_);
        reason_ = std::move(reason);
    }
    if (kind_.exchange(kind) != kind) {
        log_.write(base::LogLevel::kError,
                   base::printable(answer.text) + ": alerts are refused with 503 until it can");
    }
    return answer;
}

void StoreState::wrote(bool stores_alert) noexcept {
    if (kind_ == Kind::kNone || (kind_ == Kind::kFull && !stores_alert)) {
        return;
    }
    kind_ = Kind::kNone;
    log_.write(base::LogLevel::kInfo, "the inbox stores again");
}

void StoreState::damaged(const SqlError& error) noexcept {
    if (damaged_.exchange(true)) {
        return;
    }
    ask_for_check(path_);
    try {
        log_.write(base::LogLevel::kError,
                   "the inbox " + base::printable(path_) + " is damaged (" +
                       base::printable(error.what()) +
                       "): it is not ready, and what cannot be stored is refused with 503. The "
                       "next start checks every page; if it is refused, put back a copy with "
                       "`incm-webhook inbox restore FILE`");
    } catch (const std::bad_alloc&) {
        log_.write(base::LogLevel::kError, "the inbox is damaged");
    }
}

std::optional<base::Error> StoreState::failure() const {
    if (damaged_) {
        return base::Error{base::ErrorCode::kStoreFailed, "the inbox is damaged, see the log"};
    }
    if (!is_failing()) {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    return error_of(reason_);
}

bool StoreState::may_try() const noexcept {
    return kind_ != Kind::kFull || has_room(folder_);
}

}  // namespace incm::inbox::sqlite
