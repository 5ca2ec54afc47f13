#pragma once

#include <memory>
#include <unordered_map>

#include "memory_store.h"

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/backup.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/fetched_bytes.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/quarantine.h"

namespace incm::inbox::test {

/// The inbox in memory: the shortest implementation of the contract, which proves that the contract
/// does not speak of SQLite, and that the conformance suite does not either.
///
/// One lock guards everything; each question looks at every row.
/// Threads: any.
class MemoryInbox final : public Inbox {
 public:
    [[nodiscard]] static base::Result<std::unique_ptr<Inbox>> open(
        const std::shared_ptr<MemoryStore>& store, const Options& options, base::LogSink& log);
    MemoryInbox(const MemoryInbox&) = delete;
    MemoryInbox& operator=(const MemoryInbox&) = delete;
    ~MemoryInbox() override;

    [[nodiscard]] base::Result<Stored> append(NewAlert alert) override;
    void append_later(NewAlert alert, std::unique_ptr<AppendCallback> callback) override;
    [[nodiscard]] base::Result<Progress> wait_processed(std::int64_t alert_id,
                                                        std::int64_t timeout_ms) override;
    void end_waits() override;
    using Inbox::fetch;
    [[nodiscard]] base::Result<std::vector<Delivery>> fetch(const std::string& plugin,
                                                            std::size_t max_items,
                                                            std::int64_t timeout_ms,
                                                            std::size_t max_retries) override;
    using Inbox::settle;
    void settle(std::vector<Settlement> settlements, std::vector<StateChange> state) override;
    void give_back(const std::string& plugin,
                   std::span<const std::int64_t> alert_ids) noexcept override;
    void wake_fetchers() override;
    std::int64_t tidy() override;
    [[nodiscard]] DiskUse disk_use() const noexcept override { return {}; }
    [[nodiscard]] std::optional<base::Error> why_not_stored() const override { return {}; }
    [[nodiscard]] base::Result<std::int64_t> change(OperatorAction action,
                                                    std::vector<DeliveryName> deliveries) override;
    [[nodiscard]] PluginRoll& plugins() noexcept override;
    [[nodiscard]] KeptState& kept_state() noexcept override;
    [[nodiscard]] Quarantine& quarantine() noexcept override;
    [[nodiscard]] Catalog& catalog() noexcept override;
    [[nodiscard]] Backup& backup() noexcept override;
    [[nodiscard]] base::Result<Counts> counts() override;
    [[nodiscard]] bool failed() const noexcept override { return false; }
    void close() override;

 private:
    class MemoryCatalog;
    class MemoryKeptState;
    class MemoryPluginRoll;
    class MemoryQuarantine;
    class MemoryBackup;
    /// A configured plugin, and what is known of its leases.
    struct Queue {
        PluginOptions options;
        std::map<std::int64_t, std::int64_t> leased;  ///< bytes of text by alert
        bool retry_first = true;
        bool hurries = false;
        bool configured = true;

        [[nodiscard]] std::int64_t bytes() const;
    };
    struct Picked {
        std::vector<Delivery> deliveries;
        std::optional<std::int64_t> next_due_ms;
    };

    MemoryInbox(std::shared_ptr<MemoryStore> store, const Options& options, base::LogSink& log);
    void recover(std::int64_t stopped_at_ms, Activity* activity);
    void add(const PluginOptions& plugin);
    [[nodiscard]] Queue* find(const std::string& plugin);
    [[nodiscard]] MemoryStore::OpenDelivery* find_leased(const std::string& plugin,
                                                         std::int64_t alert_id, const char* what);
    [[nodiscard]] Picked pick(Queue& queue, std::size_t max_items, std::size_t max_retries);
    [[nodiscard]] std::string key_of(const MemoryStore::Alert& alert,
                                     const std::string& plugin) const;
    void end_lease(const std::string& plugin, std::int64_t alert_id);
    bool apply(OperatorAction action, const DeliveryName& name);
    [[nodiscard]] Counts count() const;
    void touch();

    const std::shared_ptr<MemoryStore> store_;
    const std::int64_t retention_ms_;
    base::LogSink& log_;
    InboxClock clock_;
    FetchedBytes fetched_bytes_;
    std::unordered_map<std::string, Queue> queues_;
    bool waits_end_ = false;
    bool fetchers_hurry_ = false;
    bool closed_ = false;
    std::unique_ptr<MemoryCatalog> catalog_;
    std::unique_ptr<MemoryPluginRoll> roll_;
    std::unique_ptr<MemoryKeptState> kept_state_;
    std::unique_ptr<MemoryQuarantine> quarantine_;
    std::unique_ptr<MemoryBackup> backup_;
};

}  // namespace incm::inbox::test
