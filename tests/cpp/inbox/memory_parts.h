#pragma once

#include "memory_inbox.h"

#include "incm/inbox/plugin_roll.h"

namespace incm::inbox::test {

/// Answers questions by looking at every row of the store.
class MemoryInbox::MemoryCatalog final : public Catalog {
 public:
    explicit MemoryCatalog(MemoryInbox& inbox) : inbox_(inbox), store_(*inbox.store_) {}
    [[nodiscard]] base::Result<AlertPage> alerts(const AlertQuery& query) override;
    [[nodiscard]] base::Result<std::optional<AlertHistory>> alert(std::int64_t id) override;
    [[nodiscard]] base::Result<UndeliveredPage> undelivered(const UndeliveredQuery& query) override;
    [[nodiscard]] base::Result<Statistics> statistics() override;
    [[nodiscard]] base::Result<Counts> counts() override;
    [[nodiscard]] base::Result<std::vector<std::string>> plugins() override;
    [[nodiscard]] base::Result<bool> is_open(const std::string& plugin,
                                             std::int64_t alert_id) override;
    [[nodiscard]] base::Result<std::vector<StateTotals>> states() override;
    [[nodiscard]] base::Result<StatePage> state(const StateQuery& query) override;
    [[nodiscard]] base::Result<RejectedPage> quarantine(const RejectedQuery& query) override;
    [[nodiscard]] base::Result<std::optional<StoredRejected>> rejected(std::int64_t id) override;

 private:
    [[nodiscard]] std::string state_of(const MemoryStore::Plugin& plugin, std::int64_t id) const;
    [[nodiscard]] std::optional<std::string> state_of(const AlertQuery& query,
                                                      std::int64_t id) const;
    [[nodiscard]] PluginHistory history_of(const MemoryStore::Plugin& plugin,
                                           std::int64_t id) const;

    MemoryInbox& inbox_;
    MemoryStore& store_;
};

/// Reads and changes the state of plugins in the store.
class MemoryInbox::MemoryKeptState final : public KeptState {
 public:
    explicit MemoryKeptState(MemoryInbox& inbox) : inbox_(inbox), store_(*inbox.store_) {}
    [[nodiscard]] base::Result<std::optional<std::string>> get(const std::string& plugin,
                                                               const std::string& key) override;
    [[nodiscard]] base::Result<StatePage> page(const StateQuery& query) override;
    [[nodiscard]] base::Result<std::int64_t> count(const std::string& plugin) override;
    [[nodiscard]] base::Result<std::int64_t> write(const std::string& plugin,
                                                   std::vector<StateChange> changes) override;

 private:
    MemoryInbox& inbox_;
    MemoryStore& store_;
};

class MemoryInbox::MemoryPluginRoll final : public PluginRoll {
 public:
    explicit MemoryPluginRoll(MemoryInbox& inbox) : inbox_(inbox), store_(*inbox.store_) {}
    [[nodiscard]] base::Status add(const std::vector<PluginOptions>& plugins) override;
    void keep(const std::vector<std::string>& names) override;
    void hurry(const std::string& plugin) override;
    [[nodiscard]] base::Status resume(const std::string& plugin, bool by_device) override;

 private:
    MemoryInbox& inbox_;
    MemoryStore& store_;
};

class MemoryInbox::MemoryQuarantine final : public Quarantine {
 public:
    explicit MemoryQuarantine(MemoryInbox& inbox) : inbox_(inbox), store_(*inbox.store_) {}
    [[nodiscard]] base::Status keep(QuarantinedRequest rejected) override;
    using Quarantine::keep_later;
    [[nodiscard]] bool keep_later(QuarantinedRequest rejected,
                                  std::function<void()> not_kept) override;
    [[nodiscard]] base::Result<std::int64_t> drop(std::vector<std::int64_t> ids) override;

 private:
    void trim_authentic();
    void trim_hostile();

    MemoryInbox& inbox_;
    MemoryStore& store_;
};

/// Nothing in memory can be copied to a file.
class MemoryInbox::MemoryBackup final : public Backup {
 public:
    [[nodiscard]] base::Status start(const std::string& /*file*/) override {
        return base::Error{base::ErrorCode::kMalformedRequest,
                           "an inbox in memory cannot be copied to a file"};
    }
    void cancel() override {}
    [[nodiscard]] BackupProgress progress() const override { return {}; }
};

}  // namespace incm::inbox::test
