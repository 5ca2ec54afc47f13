#include "incm/inbox/inbox.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "incm/base/kept_from_children.h"
#include "incm/inbox/backup.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/completion_waiters.h"
#include "incm/inbox/database_file.h"
#include "incm/inbox/dedupe_index.h"
#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/disk_reserve.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/fetcher.h"
#include "incm/inbox/file_lock.h"
#include "incm/inbox/file_watch.h"
#include "incm/inbox/housekeeper.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/last_commit.h"
#include "incm/inbox/open_error.h"
#include "incm/inbox/operations.h"
#include "incm/inbox/operator_change.h"
#include "incm/inbox/recovery.h"
#include "incm/inbox/session.h"
#include "incm/inbox/settler.h"
#include "incm/inbox/store_state.h"
#include "incm/inbox/writer.h"

namespace incm::inbox {

/// Members in the order of their making; close() and the destructor go the other way.
struct Inbox::Impl {
    Impl(const Options& options, std::string resolved, base::LogSink& log_sink)
        : log(log_sink),
          path(std::move(resolved)),
          lock(std::make_unique<FileLock>(path + ".lock")),
          database(open_writer(path, LastCommit::parse(lock->left()), log_sink)),
          watch(path, log_sink),
          state(path, log_sink),
          clock(options.clock, stored_clock_ms(*database)),
          reserve(std::filesystem::path(path).parent_path().string(), options.reserve_bytes,
                  log_sink),
          catalog(path, clock) {
        recover_leases(*database, enrol(options.plugins), clock.now_ms(), clock.wall_ms(), log);
        index_left_over(*database);
        begin_session(*database, path);
        watch.look_inside_of(*database);
        note = std::make_unique<CommitNote>(*lock, LastCommit::of(*database, clock.wall_ms()));
        writer = std::make_unique<Writer>(*database, clock, *note, watch, state, log,
                                          [this] { ask_for_check(path); });
        quarantine = std::make_unique<Quarantine>(*writer, reserve, watch, log);
        fetcher = std::make_unique<Fetcher>(path, DeliveryKeys(*database), clock, *writer);
        settler = std::make_unique<Settler>(queues, clock, watches, log, *writer);
        backup = std::make_unique<Backup>(path, reserve, log);
        housekeeper = std::make_unique<Housekeeper>(
            *writer, reserve, watch, state, catalog.log_length(), log, options.retention_ms);
        for (const char* suffix : {"", "-wal", "-shm"}) {
            kept.push_back(base::KeptFromChildren::file(path + suffix));
        }
        lock->keep();
    }

    RetryPolicies enrol(const std::vector<PluginOptions>& plugins) {
        RetryPolicies policies;
        Transaction transaction(*database, true);
        for (const PluginOptions& plugin : plugins) {
            const std::int64_t id = enrol_plugin(*database, plugin.name);
            queues.try_emplace(plugin.name, plugin, id, taken_bytes);
            policies.emplace(id, plugin.retry);
        }
        transaction.commit();
        return policies;
    }

    [[nodiscard]] DeliveryQueue* find(const std::string& plugin) {
        const auto found = queues.find(plugin);
        return found == queues.end() ? nullptr : &found->second;
    }

    [[nodiscard]] base::Result<std::unique_ptr<Append>> prepare(NewAlert alert);
    void close();

    base::LogSink& log;
    const std::string path;
    std::unique_ptr<FileLock> lock;
    std::vector<base::KeptFromChildren> kept;  ///< what SQLite has open
    std::unique_ptr<Database> database;
    FileWatch watch;
    StoreState state;
    InboxClock clock;
    DiskReserve reserve;
    CompletionWaiters watches;
    Catalog catalog;
    TakenBytes taken_bytes;
    std::unordered_map<std::string, DeliveryQueue> queues;  ///< fixed after open()
    std::unique_ptr<Quarantine> quarantine;  ///< before the writer, which holds what it counts
    std::unique_ptr<CommitNote> note;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<Settler> settler;
    std::unique_ptr<Backup> backup;
    std::unique_ptr<Housekeeper> housekeeper;
    std::mutex closing;
    bool is_closed = false;
};

void Inbox::Impl::close() {
    const std::lock_guard guard(closing);
    if (std::exchange(is_closed, true)) {
        return;
    }
    for (auto& [name, queue] : queues) {
        queue.wake(true);
    }
    watches.close();
    housekeeper->stop();
    writer->stop();
    fetcher->close();
    backup->close();
    catalog.close();
    try {
        watch.look_inside();
        if (writer->failed() || watch.overwritten()) {
            database->keep_log_on_close(true);
        } else {
            index_left_over(*database);
            end_session(*database, watch, clock.now_ms());
        }
    } catch (const SqlError& error) {
        if (error.sync_failed()) {
            ask_for_check(path);
        }
        log.write(base::LogLevel::kWarning, std::string("the inbox was closed without copying its "
                                                        "log back: ") +
                                                base::printable(error.what()));
    }
    database.reset();
    kept.clear();
    lock.reset();
}

Inbox::Inbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Inbox::~Inbox() {
    close();
}

base::Result<std::unique_ptr<Inbox>> Inbox::open(const Options& options, base::LogSink& log) {
    std::string path = options.path;
    try {
        check_plugin_names(options.plugins);
        path = resolve(options.path);
        return std::unique_ptr<Inbox>(new Inbox(std::make_unique<Impl>(options, path, log)));
    } catch (...) {
        return open_error(path);
    }
}

base::Result<std::unique_ptr<Append>> Inbox::Impl::prepare(NewAlert alert) {
    std::vector<DeliveryQueue*> queues_of_it;
    queues_of_it.reserve(alert.plugins.size());
    for (const std::string& plugin : alert.plugins) {
        DeliveryQueue* queue = find(plugin);
        if (!queue) {
            return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
        }
        // Named twice it still gets one delivery.
        if (std::ranges::find(queues_of_it, queue) == queues_of_it.end()) {
            queues_of_it.push_back(queue);
        }
    }
    if (reserve.low_now() || watch.lost_now()) {
        return reserve.low() ? low_disk_error() : FileWatch::error();
    }
    return std::make_unique<Append>(std::move(alert), std::move(queues_of_it), reserve, watch);
}

base::Result<Stored> Inbox::append(NewAlert alert) {
    const base::Result<std::unique_ptr<Append>> operation = impl_->prepare(std::move(alert));
    if (!operation) {
        return operation.error();
    }
    const base::Status done = impl_->writer->run(*operation.value());
    if (!done) {
        return done.error();
    }
    if (impl_->watch.lost()) return FileWatch::error();
    return operation.value()->stored();
}

void Inbox::append_later(NewAlert alert, std::unique_ptr<AppendCallback> receipt) {
    base::Result<std::unique_ptr<Append>> operation = impl_->prepare(std::move(alert));
    if (!operation) {
        return receipt->on_complete(operation.error());
    }
    operation.value()->tell(std::move(receipt));
    impl_->writer->submit(std::move(operation).value());
}

base::Result<Progress> Inbox::wait_processed(std::int64_t alert_id, std::int64_t timeout_ms) {
    std::vector<std::int64_t> plugin_ids;
    plugin_ids.reserve(impl_->queues.size());
    for (const auto& [name, queue] : impl_->queues) {
        plugin_ids.push_back(queue.id());
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    CompletionWaiters::Watch watch(impl_->watches, alert_id);
    for (bool waiting = true;;) {
        const std::uint64_t version = watch.version();
        base::Result<Progress> progress = impl_->fetcher->progress(alert_id, plugin_ids);
        if (!progress.ok() || progress.value() != Progress::kOpen || !waiting) {
            return progress;
        }
        waiting = watch.wait(version, deadline);
    }
}

void Inbox::end_waits() {
    impl_->watches.close();
}

base::Result<std::vector<Delivery>> Inbox::take(const std::string& plugin, std::size_t max_items,
                                                std::int64_t timeout_ms, std::size_t max_retries) {
    DeliveryQueue* queue = impl_->find(plugin);
    if (!queue) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
    }
    return impl_->fetcher->take(*queue, {max_items, max_retries}, timeout_ms);
}

void Inbox::settle(std::vector<Settlement> settlements) {
    impl_->settler->settle(std::move(settlements));
}

void Inbox::give_back(const std::string& plugin,
                      const std::vector<std::int64_t>& alert_ids) noexcept {
    impl_->settler->give_back(plugin, alert_ids);
}

void Inbox::give_back_one(const std::string& plugin, std::int64_t alert_id) noexcept {
    impl_->settler->give_back(plugin, {&alert_id, 1});
}

void Inbox::wake_takers() {
    for (auto& [name, queue] : impl_->queues) {
        queue.wake(false);
    }
}

std::int64_t Inbox::tidy() {
    return impl_->housekeeper->tidy(true);
}

Inbox::Disk Inbox::disk() const noexcept {
    return {impl_->reserve.free_bytes(), impl_->reserve.low()};
}

std::optional<base::Error> Inbox::why_not_stored() const {
    if (failed()) return failed_error();
    if (impl_->watch.lost()) return FileWatch::error();
    if (impl_->reserve.low()) return low_disk_error();
    return impl_->state.failure();
}

base::Result<std::int64_t> Inbox::change(OperatorAction how, std::vector<DeliveryName> deliveries) {
    std::vector<OperatorChange::Item> items;
    items.reserve(deliveries.size());
    for (DeliveryName& delivery : deliveries) {
        DeliveryQueue* queue = impl_->find(delivery.plugin);
        if (queue && how == OperatorAction::kDropOpen) {
            return base::Error{base::ErrorCode::kBadConfig,
                               "plugin " + delivery.plugin +
                                   " is configured: its open deliveries "
                                   "are not dropped"};
        }
        items.push_back({queue, std::move(delivery)});
    }
    OperatorChange operation(how, impl_->clock.wall_ms(), std::move(items));
    const base::Status done = impl_->writer->run(operation);
    if (!done) {
        return done.error();
    }
    return operation.changed();
}

Quarantine& Inbox::quarantine() noexcept {
    return *impl_->quarantine;
}

Catalog& Inbox::catalog() noexcept {
    return impl_->catalog;
}

Backup& Inbox::backup() noexcept {
    return *impl_->backup;
}

base::Result<Counts> Inbox::counts() {
    const std::lock_guard guard(impl_->closing);
    if (impl_->is_closed) {
        return closed_error();
    }
    return impl_->writer->counts();
}

bool Inbox::failed() const noexcept {
    return impl_->writer->failed();
}

void Inbox::close() {
    impl_->close();
}

}  // namespace incm::inbox
