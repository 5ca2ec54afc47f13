#include "incm/inbox/sqlite/sqlite_plugin_roll.h"

#include <cstdint>
#include <utility>

#include "incm/inbox/outages.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/outage_table.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite {

namespace {

struct Enrolled {
    std::int64_t id;
    std::vector<Outage> outages;
};

Enrolled enrolled(Database& database, const std::string& name) {
    const std::int64_t id = enrol_plugin(database, name);
    return {id, read_outages(database, id)};
}

void add_queue(const PluginOptions& plugin, Enrolled found, DeliveryQueues& queues,
               FetchedBytes& all) {
    queues.add(plugin, found.id, all).outages().remember(std::move(found.outages));
}

/// Gives new plugins their numbers.
class Enrol final : public Operation {
 public:
    explicit Enrol(const std::vector<PluginOptions>& plugins) : plugins_(plugins) {}
    void execute(Tables& tables) override {
        const Tables::Edit edit = tables.edit();
        found_.clear();
        found_.reserve(plugins_.size());
        for (const PluginOptions& plugin : plugins_) {
            found_.push_back(enrolled(edit.database, plugin.name));
        }
    }
    [[nodiscard]] std::vector<Enrolled>& found() noexcept { return found_; }

 private:
    const std::vector<PluginOptions>& plugins_;
    std::vector<Enrolled> found_;
};

/// Changes the order of a plugin's deliveries between two transactions: what an operator changes is
/// either offered to the lanes before that, which forget it, or found by its row after that.
class Reorder final : public Operation {
 public:
    Reorder(DeliveryQueue& queue, bool by_device) : queue_(queue), by_device_(by_device) {}
    void execute(Tables& /*tables*/) override {}
    void committed() noexcept override { done_ = queue_.reorder(by_device_); }
    [[nodiscard]] bool done() const noexcept { return done_; }

 private:
    DeliveryQueue& queue_;
    const bool by_device_;
    bool done_ = false;
};

base::Error unknown(const std::string& plugin) {
    return {base::ErrorCode::kBadConfig, "no plugin " + plugin};
}

}  // namespace

RetryPolicies enrol_all(Database& database, const std::vector<PluginOptions>& plugins,
                        DeliveryQueues& queues, FetchedBytes& all) {
    RetryPolicies policies;
    Transaction transaction(database, true);
    for (const PluginOptions& plugin : plugins) {
        Enrolled found = enrolled(database, plugin.name);
        policies.emplace(found.id, plugin.retry);
        add_queue(plugin, std::move(found), queues, all);
    }
    transaction.commit();
    return policies;
}

base::Status SqlitePluginRoll::add(const std::vector<PluginOptions>& plugins) {
    try {
        check_plugin_names(plugins);
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
    }
    std::vector<PluginOptions> fresh;
    for (const PluginOptions& plugin : plugins) {
        if (!queues_.find(plugin.name)) fresh.push_back(plugin);
    }
    if (fresh.empty()) return base::success();
    Enrol operation(fresh);
    if (base::Status done = writer_.run(operation); !done) return done;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        add_queue(fresh[i], std::move(operation.found()[i]), queues_, all_);
    }
    return base::success();
}

void SqlitePluginRoll::hurry(const std::string& plugin) {
    if (DeliveryQueue* const queue = queues_.find(plugin)) queue->wake(false);
}

base::Status SqlitePluginRoll::resume(const std::string& plugin, bool by_device) {
    DeliveryQueue* const queue = queues_.find(plugin);
    if (!queue) return unknown(plugin);
    if (queue->by_device() != by_device) {
        // What was settled before is committed before this.
        Reorder operation(*queue, by_device);
        if (base::Status done = writer_.run(operation); !done) return done;
        if (!operation.done()) {
            return base::Error{base::ErrorCode::kBadConfig,
                               "the order of plugin " + plugin +
                                   " cannot change while a delivery of it is under way"};
        }
    }
    queue->rest();
    return base::success();
}

}  // namespace incm::inbox::sqlite
