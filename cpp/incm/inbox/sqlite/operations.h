#pragma once

#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "incm/inbox/append_callback.h"
#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/disk_reserve.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite {

class Append final : public Operation {
 public:
    Append(NewAlert alert, std::vector<DeliveryQueue*> queues, DiskReserve& reserve,
           const FileWatch& watch)
        : alert_(std::move(alert)), queues_(std::move(queues)), reserve_(reserve), watch_(watch) {
        plugin_ids_.reserve(queues_.size());
        for (const DeliveryQueue* queue : queues_) {
            plugin_ids_.push_back(queue->id());
        }
    }
    /// Also call this callback at the end, besides waking the thread that may wait.
    void on_complete(std::unique_ptr<AppendCallback> callback) { callback_ = std::move(callback); }
    void execute(Tables& tables) override {
        stored_ = tables.append(alert_, plugin_ids_);
        if (alert_.from_quarantine != 0) {
            tables.drop_rejected(alert_.from_quarantine);
        }
    }
    void committed() noexcept override {
        if (!stored_.duplicate) {
            for (DeliveryQueue* queue : queues_) {
                queue->arrived(false);
            }
            reserve_.wrote(static_cast<std::int64_t>(alert_.text.size()) + kRowBytes);
        }
        if (!callback_) {
            return;
        }
        if (!watch_.lost()) {
            return callback_->on_complete(stored_);
        }
        try {
            failed(FileWatch::error());
        } catch (const std::bad_alloc&) {
            callback_.reset();
        }
    }
    void failed(const base::Error& error) noexcept override {
        if (!callback_) {
            return;
        }
        try {
            callback_->on_complete(error);
        } catch (const std::bad_alloc&) {  // from copying the error: on_complete() does not throw
            callback_.reset();
        }
    }
    [[nodiscard]] bool stores_alert() const noexcept override { return !stored_.duplicate; }
    [[nodiscard]] Stored stored() const noexcept { return stored_; }

 private:
    /// What an alert costs in addition to its text: keys, deliveries, attempts, in the log and in
    /// the file.
    static constexpr std::int64_t kRowBytes = 1024;

    NewAlert alert_;
    std::vector<DeliveryQueue*> queues_;
    DiskReserve& reserve_;
    const FileWatch& watch_;
    std::vector<std::int64_t> plugin_ids_;
    Stored stored_{};
    std::unique_ptr<AppendCallback> callback_;
};

class Lease final : public Operation {
 public:
    Lease(std::int64_t id, std::int64_t plugin_id, std::int64_t wall_ms,
          std::vector<std::int64_t> alert_ids)
        : id_(id), plugin_id_(plugin_id), wall_ms_(wall_ms), alert_ids_(std::move(alert_ids)) {}
    void execute(Tables& tables) override { tables.lease(id_, plugin_id_, wall_ms_, alert_ids_); }

 private:
    std::int64_t id_;
    std::int64_t plugin_id_;
    std::int64_t wall_ms_;
    std::vector<std::int64_t> alert_ids_;
};

class Prune final : public Operation {
 public:
    Prune(std::int64_t cursor, std::int64_t retention_ms)
        : cursor_(cursor), retention_ms_(retention_ms) {}
    void execute(Tables& tables) override { result_ = tables.prune(cursor_, retention_ms_); }
    [[nodiscard]] const Tables::Pruned& result() const noexcept { return result_; }

 private:
    std::int64_t cursor_;
    std::int64_t retention_ms_;
    Tables::Pruned result_{};
};

}  // namespace incm::inbox::sqlite
