#include "incm/inbox/sqlite/recovery.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/activity.h"
#include "incm/inbox/interrupted.h"
#include "incm/inbox/sqlite/lease_ids.h"
#include "incm/inbox/sqlite/outage_table.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::string_view kInterrupted =
    "the receiver ended before the plugin was done with the alert";

struct Lease {
    std::int64_t plugin_id;
    std::int64_t fetched_at_ms;
    std::vector<std::int64_t> alert_ids;
};

std::vector<Lease> read_leases(Database& database) {
    std::vector<Lease> leases;
    Statement select(database, "SELECT plugin_id, taken_at_ms, alert_ids FROM lease ORDER BY id");
    Rows rows = select.query();
    while (rows.next()) {
        leases.push_back({rows.integer(0), rows.integer(1), unpack_ids(rows.bytes(2))});
    }
    return leases;
}

struct Recovered {
    std::int64_t again = 0;
    std::int64_t expired = 0;
    std::int64_t dead = 0;
    std::vector<std::int64_t> dead_of;  ///< the plugin of each dead letter
};

/// Changes the rows of interrupted deliveries.
class InterruptedRows {
 public:
    InterruptedRows(Database& database, std::int64_t now_ms, std::int64_t wall_ms)
        : now_ms_(now_ms),
          ended_ms_(stored_clock_ms(database)),
          wall_ms_(wall_ms),
          find_(database,
                // The ledger may have more attempts: an attempt whose settlement could not be
                // stored for that reason.
                "SELECT max(attempts, ifnull((SELECT max(attempt) FROM attempt a WHERE"
                " a.alert_id = ?2 AND a.plugin_id = ?1), 0)), base, created_at_ms FROM delivery"
                " WHERE plugin_id = ?1 AND alert_id = ?2 AND dead = 0"),
          count_(database,
                 "UPDATE delivery SET attempts = ?3, due_at_ms = ?4, dead = ?5, error = ?6"
                 " WHERE plugin_id = ?1 AND alert_id = ?2"),
          expire_(database,
                  "UPDATE delivery SET base = ?3, due_at_ms = ?4, error = ?5"
                  " WHERE plugin_id = ?1 AND alert_id = ?2"),
          ledger_(database,
                  "INSERT INTO attempt(alert_id, plugin_id, attempt, started_at_ms, ended_at_ms,"
                  " outcome, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") {}

    void count(const Lease& lease, std::int64_t alert_id, const RetryPolicy& policy,
               const Outages& outages, Recovered& recovered) {
        std::int64_t attempts = 0;
        std::int64_t tries = 0;
        std::int64_t age_ms = 0;
        {
            Rows rows = find_.query(lease.plugin_id, alert_id);
            // A delivery that was given back and taken again can be in two leases.
            if (!rows.next() || !done_.emplace(lease.plugin_id, alert_id).second) {
                return;
            }
            attempts = rows.integer(0) + 1;
            tries = attempts - rows.integer(1);
            age_ms = ended_ms_ - rows.integer(2) - outages.within(rows.integer(2), ended_ms_);
        }
        const Interrupted fate =
            after_interruption(tries, static_cast<double>(age_ms) / 1e3, policy);
        if (fate == Interrupted::kExpired) {
            // The attempt is counted when it is settled as a dead letter.
            expire_.run(lease.plugin_id, alert_id, attempts - expired_tries(tries), now_ms_,
                        kInterrupted);
            ++recovered.expired;
            return;
        }
        const bool dead = fate == Interrupted::kDead;
        const double pause_s = tries > 1 ? policy.pause_s(tries, luck_(random_)) : 0;
        count_.run(lease.plugin_id, alert_id, attempts, now_ms_ + std::llround(pause_s * 1e3),
                   std::int64_t{dead}, kInterrupted);
        ledger_.run(alert_id, lease.plugin_id, attempts, lease.fetched_at_ms, wall_ms_,
                    std::string_view(dead ? "dead" : "interrupted"), kInterrupted);
        ++(dead ? recovered.dead : recovered.again);
        if (dead) recovered.dead_of.push_back(lease.plugin_id);
    }

 private:
    const std::int64_t now_ms_;
    const std::int64_t ended_ms_;  ///< inbox clock of the last commit before the end
    const std::int64_t wall_ms_;
    Statement find_, count_, expire_, ledger_;
    std::set<std::pair<std::int64_t, std::int64_t>> done_;
    std::minstd_rand random_{std::random_device()()};
    std::uniform_real_distribution<double> luck_{0, 1};
};

void log_recovered(const Recovered& recovered, base::LogSink& log) {
    const std::string when = " deliveries were under way when the receiver ended";
    if (recovered.again > 0) {
        log.write(base::LogLevel::kWarning,
                  std::to_string(recovered.again) + when + ": they are due again");
    }
    if (const std::int64_t ended = recovered.expired + recovered.dead; ended > 0) {
        log.write(base::LogLevel::kError,
                  std::to_string(ended) + when +
                      ", after the give_up of their plugin: they become dead letters, which "
                      "`incm-webhook dead list` names");
    }
}

void count_dead(Database& database, const Recovered& recovered, Activity& activity) {
    Statement name(database, "SELECT name FROM plugin WHERE id = ?1");
    for (const std::int64_t plugin_id : recovered.dead_of) {
        Rows rows = name.query(plugin_id);
        if (!rows.next()) continue;
        if (const auto plugin = activity.of(std::string(rows.bytes(0)))) plugin->given_up();
    }
}

}  // namespace

void recover_leases(Database& database, const RetryPolicies& policies, std::int64_t now_ms,
                    std::int64_t wall_ms, base::LogSink& log, Activity* activity) {
    const std::vector<Lease> leases = read_leases(database);
    if (leases.empty()) {
        return;
    }
    const RetryPolicy of_others{.give_up_s = std::numeric_limits<double>::infinity()};
    Recovered recovered;
    Transaction transaction(database, true);
    InterruptedRows interrupted(database, now_ms, wall_ms);
    for (const Lease& lease : leases) {
        const auto policy = policies.find(lease.plugin_id);
        const Outages outages(read_outages(database, lease.plugin_id));
        for (const std::int64_t alert_id : lease.alert_ids) {
            interrupted.count(lease, alert_id,
                              policy == policies.end() ? of_others : policy->second, outages,
                              recovered);
        }
    }
    database.execute("DELETE FROM lease");
    Statement total(database, "UPDATE meta SET value = value + ?2 WHERE key = ?1");
    total.run(std::string_view("open"), -recovered.dead);
    total.run(std::string_view("dead"), recovered.dead);
    transaction.commit();
    log_recovered(recovered, log);
    if (activity != nullptr) count_dead(database, recovered, *activity);
}

void check_plugin_names(const std::vector<PluginOptions>& plugins) {
    for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
        const std::string& name = plugin->name;
        if (name.empty() || std::any_of(plugins.begin(), plugin, [&](const PluginOptions& other) {
                return other.name == name;
            })) {
            throw base::Failure({base::ErrorCode::kBadConfig,
                                 "plugin names must be unique and not empty: \"" + name + "\""});
        }
    }
}

std::int64_t enrol_plugin(Database& database, const std::string& name) {
    Statement find(database, "SELECT id FROM plugin WHERE name = ?1");
    {
        Rows rows = find.query(std::string_view(name));
        if (rows.next()) {
            return rows.integer(0);
        }
    }
    Statement insert(database,
                     "INSERT INTO plugin(name, first_alert_id) VALUES"
                     " (?1, (SELECT value FROM meta WHERE key = 'last_alert_id') + 1)");
    insert.run(std::string_view(name));
    Rows rows = find.query(std::string_view(name));
    return rows.next() ? rows.integer(0) : 0;
}

std::int64_t stored_clock_ms(Database& database) {
    return database.integer_of("SELECT value FROM meta WHERE key = 'clock_ms'");
}

std::string stored_inbox_id(Database& database) {
    return database.text_of("SELECT value FROM meta WHERE key = 'inbox_id'");
}

void store_clock(Database& database, std::int64_t now_ms) {
    Statement update(database, "UPDATE meta SET value = ?1 WHERE key = 'clock_ms'");
    update.run(now_ms);
}

}  // namespace incm::inbox::sqlite
