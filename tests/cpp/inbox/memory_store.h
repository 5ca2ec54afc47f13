#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/inbox/catalog_records.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/kept_state.h"
#include "incm/inbox/outages.h"
#include "incm/inbox/records.h"

namespace incm::inbox::test {

/// What an inbox in memory stores. It outlives the inbox, so that the next one finds it, as a file
/// is found by the next process.
struct MemoryStore {
    struct Alert {
        NewAlert alert;
        std::int64_t stored_at_ms;  ///< inbox clock
    };
    /// A delivery that is open, or a dead letter.
    struct OpenDelivery {
        std::int64_t created_at_ms;
        std::int64_t due_at_ms;
        std::int64_t attempts = 0;
        std::int64_t base = 0;  ///< attempts before an operator action made it due again
        bool dead = false;
        std::string error = {};
        std::optional<std::int64_t> leased_at_ms = {};  ///< wall clock
    };
    struct Plugin {
        std::string name;
        std::int64_t first_alert_id;
        std::map<std::int64_t, OpenDelivery> deliveries;               ///< by alert
        std::map<std::int64_t, std::vector<LedgerEntry>> ledger;       ///< by alert
        std::map<std::int64_t, std::optional<std::int64_t>> ended_ms;  ///< of the last attempt
        std::map<std::string, std::string> state;
        std::shared_ptr<Outages> outages = std::make_shared<Outages>();

        [[nodiscard]] std::int64_t age_ms(const OpenDelivery& delivery, std::int64_t at_ms) const {
            return at_ms - delivery.created_at_ms - outages->within(delivery.created_at_ms, at_ms);
        }
    };
    struct Seen {
        std::int64_t alert_id;
        std::int64_t at_ms;
    };

    [[nodiscard]] Plugin* plugin(const std::string& name) {
        for (Plugin& one : plugins) {
            if (one.name == name) {
                return &one;
            }
        }
        return nullptr;
    }
    /// Change the state of a plugin. Returns how many of the keys were there before.
    static std::int64_t change(Plugin& of, const std::vector<StateChange>& changes) {
        std::int64_t there = 0;
        for (const StateChange& one : changes) {
            there += static_cast<std::int64_t>(of.state.erase(one.key));
            if (one.value) {
                of.state.emplace(one.key, *one.value);
            }
        }
        return there;
    }
    /// Add a line to the ledger of a delivery, with the number behind the last one.
    void note(Plugin& of, std::int64_t alert_id, LedgerEntry entry, std::int64_t ended_at_ms) {
        of.ledger[alert_id].push_back(std::move(entry));
        of.ended_ms[alert_id] = ended_at_ms;
    }

    std::mutex mutex;  // protects everything below
    std::condition_variable changed;
    std::vector<Plugin> plugins;
    std::map<std::int64_t, Alert> alerts;
    std::map<base::Digest, Seen> seen;
    std::map<std::int64_t, QuarantinedRequest> quarantine;
    std::int64_t last_alert_id = 0;
    std::int64_t last_quarantine_id = 0;
    std::int64_t clock_ms = 0;  ///< inbox clock of the last change
};

}  // namespace incm::inbox::test
