#include "incm/inbox/sqlite/sqlite_inbox.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <utility>

#include "incm/base/kept_from_children.h"
#include "incm/inbox/completion_waiters.h"
#include "incm/inbox/delivery_queues.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/dedupe_index.h"
#include "incm/inbox/sqlite/disk_reserve.h"
#include "incm/inbox/sqlite/fetcher.h"
#include "incm/inbox/sqlite/file_lock.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/housekeeper.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/last_commit.h"
#include "incm/inbox/sqlite/log_length.h"
#include "incm/inbox/sqlite/open_error.h"
#include "incm/inbox/sqlite/operations.h"
#include "incm/inbox/sqlite/operator_change.h"
#include "incm/inbox/sqlite/recovery.h"
#include "incm/inbox/sqlite/session.h"
#include "incm/inbox/sqlite/settler.h"
#include "incm/inbox/sqlite/sqlite_backup.h"
#include "incm/inbox/sqlite/sqlite_catalog.h"
#include "incm/inbox/sqlite/sqlite_kept_state.h"
#include "incm/inbox/sqlite/sqlite_plugin_roll.h"
#include "incm/inbox/sqlite/sqlite_quarantine.h"
#include "incm/inbox/sqlite/store_state.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// Members in the order of their construction; close() and the destructor go in reverse order.
struct SqliteInbox::Parts {
    Parts(const Options& options, std::string resolved, bool keep_copy, base::LogSink& log_sink)
        : log(log_sink),
          path(std::move(resolved)),
          lock(std::make_unique<FileLock>(path + ".lock")),
          database(open_writer(path, LastCommit::parse(lock->left()), log_sink,
                               {keep_copy, options.reserve_bytes})),
          watch(path, log_sink),
          state(path, log_sink),
          clock(options.clock, stored_clock_ms(*database)),
          reserve(std::filesystem::path(path).parent_path().string(), options.reserve_bytes,
                  log_sink),
          catalog(path, clock),
          log_length(path) {
        recover_leases(*database, enrol_all(*database, options.plugins, queues, fetched_bytes),
                       clock.now_ms(), clock.wall_ms(), log, options.activity);
        index_left_over(*database);
        begin_session(*database, path);
        watch.look_inside_of(*database);
        note = std::make_unique<CommitNote>(*lock, LastCommit::of(*database, clock.wall_ms()));
        writer = std::make_unique<Writer>(
            *database, clock, *note, watch, state, log, [this] { ask_for_check(path); },
            options.activity);
        quarantine = std::make_unique<SqliteQuarantine>(*writer, reserve, watch, log);
        fetcher = std::make_unique<Fetcher>(path, DeliveryKeys(*database), clock, *writer, state);
        roll = std::make_unique<SqlitePluginRoll>(queues, fetched_bytes, *writer);
        settler =
            std::make_unique<Settler>(queues, clock, completions, log, *writer, pending_state);
        kept_state = std::make_unique<SqliteKeptState>(path, *writer, pending_state);
        backup = std::make_unique<SqliteBackup>(path, reserve, log);
        housekeeper = std::make_unique<Housekeeper>(*writer, reserve, watch, state, log_length, log,
                                                    options.retention_ms, options.activity);
        for (const char* suffix : {"", "-wal", "-shm"}) {
            kept.push_back(base::KeptFromChildren::file(path + suffix));
        }
        lock->keep();
    }

    [[nodiscard]] base::Result<std::unique_ptr<Append>> prepare(NewAlert alert);
    void close();

    base::LogSink& log;
    const std::string path;
    std::unique_ptr<FileLock> lock;
    std::vector<base::KeptFromChildren> kept;  ///< the files that SQLite has open
    std::unique_ptr<Database> database;
    FileWatch watch;
    StoreState state;
    InboxClock clock;
    DiskReserve reserve;
    CompletionWaiters completions;
    SqliteCatalog catalog;
    LogLength log_length;
    FetchedBytes fetched_bytes;
    DeliveryQueues queues;
    std::unique_ptr<SqliteQuarantine>
        quarantine;              ///< before the writer, whose operations update its counts
    PendingState pending_state;  ///< before the writer, whose operations refer to it
    std::unique_ptr<CommitNote> note;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<SqlitePluginRoll> roll;
    std::unique_ptr<Settler> settler;
    std::unique_ptr<SqliteKeptState> kept_state;
    std::unique_ptr<SqliteBackup> backup;
    std::unique_ptr<Housekeeper> housekeeper;
    std::mutex closing;
    bool is_closed = false;
};

void SqliteInbox::Parts::close() {
    const std::lock_guard guard(closing);
    if (std::exchange(is_closed, true)) {
        return;
    }
    queues.each([](DeliveryQueue& queue) { queue.wake(true); });
    completions.close();
    housekeeper->stop();
    writer->stop();
    fetcher->close();
    kept_state->close();
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

SqliteInbox::SqliteInbox(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

SqliteInbox::~SqliteInbox() {
    close();
}

base::Result<std::unique_ptr<SqliteInbox>> SqliteInbox::open(const std::string& path,
                                                             const Options& options,
                                                             base::LogSink& log, bool keep_copy) {
    std::string resolved = path;
    try {
        check_plugin_names(options.plugins);
        resolved = resolve(path);
        return std::unique_ptr<SqliteInbox>(
            new SqliteInbox(std::make_unique<Parts>(options, resolved, keep_copy, log)));
    } catch (...) {
        return open_error(resolved);
    }
}

base::Result<std::unique_ptr<Append>> SqliteInbox::Parts::prepare(NewAlert alert) {
    std::vector<DeliveryQueue*> queues_of_it;
    queues_of_it.reserve(alert.plugins.size());
    for (const std::string& plugin : alert.plugins) {
        DeliveryQueue* queue = queues.find(plugin);
        if (!queue) {
            return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
        }
        // A plugin that is named twice still gets one delivery.
        if (std::ranges::find(queues_of_it, queue) == queues_of_it.end()) {
            queues_of_it.push_back(queue);
        }
    }
    if (reserve.low_now() || watch.lost_now()) {
        return reserve.low() ? low_disk_error() : FileWatch::error();
    }
    return std::make_unique<Append>(std::move(alert), std::move(queues_of_it), reserve, watch);
}

base::Result<Stored> SqliteInbox::append(NewAlert alert) {
    const base::Result<std::unique_ptr<Append>> operation = parts_->prepare(std::move(alert));
    if (!operation) {
        return operation.error();
    }
    const base::Status done = parts_->writer->run(*operation.value());
    if (!done) {
        return done.error();
    }
    if (parts_->watch.lost()) return FileWatch::error();
    return operation.value()->stored();
}

void SqliteInbox::append_later(NewAlert alert, std::unique_ptr<AppendCallback> callback) {
    base::Result<std::unique_ptr<Append>> operation = parts_->prepare(std::move(alert));
    if (!operation) {
        return callback->on_complete(operation.error());
    }
    operation.value()->on_complete(std::move(callback));
    parts_->writer->submit(std::move(operation).value());
}

base::Result<Progress> SqliteInbox::wait_processed(std::int64_t alert_id, std::int64_t timeout_ms) {
    const std::vector<std::int64_t> plugin_ids = parts_->queues.configured_ids();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    CompletionWaiters::Watch watch(parts_->completions, alert_id);
    for (bool waiting = true;;) {
        const std::uint64_t version = watch.version();
        base::Result<Progress> progress = parts_->fetcher->progress(alert_id, plugin_ids);
        if (!progress.ok() || progress.value() != Progress::kOpen || !waiting) {
            return progress;
        }
        waiting = watch.wait(version, deadline);
    }
}

void SqliteInbox::end_waits() {
    parts_->completions.close();
}

base::Result<std::vector<Delivery>> SqliteInbox::fetch(const std::string& plugin,
                                                       std::size_t max_items,
                                                       std::int64_t timeout_ms,
                                                       std::size_t max_retries) {
    DeliveryQueue* queue = parts_->queues.find(plugin);
    if (!queue) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
    }
    return parts_->fetcher->fetch(*queue, {max_items, max_retries}, timeout_ms);
}

void SqliteInbox::settle(std::vector<Settlement> settlements, std::vector<StateChange> state) {
    parts_->settler->settle(std::move(settlements), std::move(state));
}

void SqliteInbox::give_back(const std::string& plugin,
                            std::span<const std::int64_t> alert_ids) noexcept {
    parts_->settler->give_back(plugin, alert_ids);
}

void SqliteInbox::wake_fetchers() {
    parts_->queues.each([](DeliveryQueue& queue) { queue.wake(false); });
}

std::int64_t SqliteInbox::tidy() {
    return parts_->housekeeper->tidy(true);
}

DiskUse SqliteInbox::disk_use() const noexcept {
    return {.free_bytes = parts_->reserve.free_bytes(),
            .reserve_bytes = parts_->reserve.reserve_bytes(),
            .low = parts_->reserve.low(),
            .log_bytes = parts_->log_length.bytes(),
            .log_warnings = parts_->log_length.warnings()};
}

std::optional<base::Error> SqliteInbox::why_not_stored() const {
    if (failed()) return failed_error();
    if (parts_->watch.lost()) return FileWatch::error();
    if (parts_->reserve.low()) return low_disk_error();
    return parts_->state.failure();
}

base::Result<std::int64_t> SqliteInbox::change(OperatorAction action,
                                               std::vector<DeliveryName> deliveries) {
    std::vector<OperatorChange::Item> items;
    items.reserve(deliveries.size());
    for (DeliveryName& delivery : deliveries) {
        DeliveryQueue* queue = parts_->queues.find(delivery.plugin);
        if (queue && action == OperatorAction::kDropOpen &&
            (queue->is_busy() || parts_->queues.is_configured(delivery.plugin))) {
            return base::Error{base::ErrorCode::kBadConfig,
                               "plugin " + delivery.plugin +
                                   " is configured: its open deliveries "
                                   "are not dropped"};
        }
        items.push_back({queue, std::move(delivery)});
    }
    OperatorChange operation(action, parts_->clock.wall_ms(), std::move(items));
    const base::Status done = parts_->writer->run(operation);
    if (!done) {
        return done.error();
    }
    return operation.changed();
}

PluginRoll& SqliteInbox::plugins() noexcept {
    return *parts_->roll;
}

KeptState& SqliteInbox::kept_state() noexcept {
    return *parts_->kept_state;
}

Quarantine& SqliteInbox::quarantine() noexcept {
    return *parts_->quarantine;
}

Catalog& SqliteInbox::catalog() noexcept {
    return parts_->catalog;
}

Backup& SqliteInbox::backup() noexcept {
    return *parts_->backup;
}

base::Result<Counts> SqliteInbox::counts() {
    const std::lock_guard guard(parts_->closing);
    if (parts_->is_closed) {
        return closed_error();
    }
    return parts_->writer->counts();
}

bool SqliteInbox::failed() const noexcept {
    return parts_->writer->failed();
}

void SqliteInbox::close() {
    parts_->close();
}

}  // namespace incm::inbox::sqlite
