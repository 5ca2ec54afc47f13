#include "incm/inbox/sqlite/operator_change.h"

#include <optional>
#include <string_view>

namespace incm::inbox::sqlite {

/// Changes the rows in one transaction.
class OperatorChange::Rewrite {
 public:
    Rewrite(Database& database, std::int64_t now_ms, std::int64_t wall_ms, Counts& counts)
        : database_(database),
          now_ms_(now_ms),
          wall_ms_(wall_ms),
          counts_(counts),
          plugin_(database, "SELECT id FROM plugin WHERE name = ?1"),
          find_(database, "SELECT dead FROM delivery WHERE plugin_id = ?1 AND alert_id = ?2"),
          revive_(database,
                  "UPDATE delivery SET dead = 0, base = attempts, due_at_ms = ?3,"
                  " created_at_ms = ?3 WHERE plugin_id = ?1 AND alert_id = ?2 AND dead = 1"),
          remove_(database,
                  "DELETE FROM delivery WHERE plugin_id = ?1 AND alert_id = ?2 AND dead = ?3"),
          made_(database,
                "SELECT coalesce(max(attempt), 0) FROM attempt WHERE alert_id = ?2"
                " AND plugin_id = ?1"),
          dropped_(database,
                   "INSERT INTO attempt(alert_id, plugin_id, attempt, started_at_ms,"
                   " ended_at_ms, outcome) VALUES (?2, ?1, ?3, ?4, ?4, 'dropped')"),
          insert_(
              database,
              "INSERT INTO delivery(plugin_id, alert_id, created_at_ms, attempts, due_at_ms, dead,"
              " base) SELECT ?1, id, ?3, ?4, ?3, 0, ?4 FROM alert"
              " WHERE id = ?2") {}

    [[nodiscard]] std::int64_t plugin_id(const std::string& name) {
        Rows rows = plugin_.query(std::string_view(name));
        return rows.next() ? rows.integer(0) : 0;
    }

    bool retry(std::int64_t plugin_id, std::int64_t alert_id) {
        revive_.run(plugin_id, alert_id, now_ms_);
        if (database_.changes() == 0) {
            return false;
        }
        --counts_.dead;
        ++counts_.open;
        return true;
    }

    bool drop(std::int64_t plugin_id, std::int64_t alert_id, bool dead) {
        remove_.run(plugin_id, alert_id, std::int64_t{dead});
        if (database_.changes() == 0) {
            return false;
        }
        --(dead ? counts_.dead : counts_.open);
        dropped_.run(plugin_id, alert_id, made(plugin_id, alert_id) + 1, wall_ms_);
        return true;
    }

    /// Return how many attempts a repeated delivery had before; empty when nothing was changed.
    std::optional<std::int64_t> redeliver(std::int64_t plugin_id, std::int64_t alert_id) {
        const std::int64_t attempts = made(plugin_id, alert_id);
        if (has_row(plugin_id, alert_id)) {
            return retry(plugin_id, alert_id) ? std::optional(attempts) : std::nullopt;
        }
        insert_.run(plugin_id, alert_id, now_ms_, attempts);
        if (database_.changes() == 0) {
            return std::nullopt;
        }
        ++counts_.open;
        return attempts;
    }

 private:
    [[nodiscard]] std::int64_t made(std::int64_t plugin_id, std::int64_t alert_id) {
        Rows rows = made_.query(plugin_id, alert_id);
        return rows.next() ? rows.integer(0) : 0;
    }
    [[nodiscard]] bool has_row(std::int64_t plugin_id, std::int64_t alert_id) {
        return find_.query(plugin_id, alert_id).next();
    }

    Database& database_;
    const std::int64_t now_ms_;
    const std::int64_t wall_ms_;
    Counts& counts_;
    Statement plugin_, find_, revive_, remove_, made_, dropped_, insert_;
};

void OperatorChange::execute(Tables& tables) {
    const Tables::Edit edit = tables.edit();
    Rewrite rewrite(edit.database, edit.now_ms, wall_ms_, edit.counts);
    changed_ = 0;
    offered_.clear();
    for (const auto& [queue, delivery] : items_) {
        const std::int64_t plugin_id = queue ? queue->id() : rewrite.plugin_id(delivery.plugin);
        const std::int64_t alert_id = delivery.alert_id;
        std::optional<std::int64_t> attempts;
        bool done = false;
        if (how_ == OperatorAction::kRetry) {
            done = rewrite.retry(plugin_id, alert_id);
        } else if (how_ == OperatorAction::kRedeliver) {
            attempts = rewrite.redeliver(plugin_id, alert_id);
            done = attempts.has_value();
        } else {
            done = rewrite.drop(plugin_id, alert_id, how_ == OperatorAction::kDropDead);
        }
        if (!done) {
            continue;
        }
        ++changed_;
        if (queue) {
            std::list<std::vector<std::int64_t>>& offered = offered_[queue];
            if (queue->by_device() || attempts == 0) {
                offered.resize(1);
                offered.front().push_back(alert_id);
            }
        }
    }
}

void OperatorChange::committed() noexcept {
    for (auto& [queue, offered] : offered_) {
        queue->offer(offered);
        queue->arrived(true);
    }
}

}  // namespace incm::inbox::sqlite
