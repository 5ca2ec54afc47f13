#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::inbox::sqlite {

/// The inbox in one SQLite file, in WAL mode with synchronous=FULL.
///
/// One thread owns the only connection that writes. It commits everything that waits as one
/// transaction: a batch closes when the writer is free. Read-only connections serve fetch() and the
/// catalog. A lock file beside the database refuses a second process.
///
/// Threads: every method may be called from any thread.
/// Source:  docs/inbox.md.
class SqliteInbox final : public Inbox {
 public:
    /// Open the file. Create it when it is missing, and migrate it when its version is older, after
    /// a copy was made of it (keep_copy; upgrade_copy.h).
    ///
    /// Deliveries that a crash interrupted are due again; an attempt in progress counts.
    /// Shape:   path: of the file, whose folder must exist.
    /// Errors:  kInboxForeign, kInboxNewer, kInboxInUse, kInboxUnusable, kInboxUnavailable (may
    ///          succeed later). No alert is changed then, and no unfinished file is left.
    /// Threads: log must outlive the inbox.
    [[nodiscard]] static base::Result<std::unique_ptr<SqliteInbox>> open(const std::string& path,
                                                                         const Options& options,
                                                                         base::LogSink& log,
                                                                         bool keep_copy = true);
    SqliteInbox(const SqliteInbox&) = delete;
    SqliteInbox& operator=(const SqliteInbox&) = delete;
    ~SqliteInbox() override;

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
    [[nodiscard]] DiskUse disk_use() const noexcept override;
    [[nodiscard]] std::optional<base::Error> why_not_stored() const override;
    [[nodiscard]] base::Result<std::int64_t> change(OperatorAction action,
                                                    std::vector<DeliveryName> deliveries) override;
    [[nodiscard]] PluginRoll& plugins() noexcept override;
    [[nodiscard]] KeptState& kept_state() noexcept override;
    [[nodiscard]] Quarantine& quarantine() noexcept override;
    [[nodiscard]] Catalog& catalog() noexcept override;
    [[nodiscard]] Backup& backup() noexcept override;
    [[nodiscard]] base::Result<Counts> counts() override;
    [[nodiscard]] bool failed() const noexcept override;
    void close() override;

 private:
    struct Parts;
    explicit SqliteInbox(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace incm::inbox::sqlite
