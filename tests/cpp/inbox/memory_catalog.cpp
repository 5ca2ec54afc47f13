#include <algorithm>
#include <utility>

#include "memory_parts.h"

#include "incm/inbox/errors.h"

namespace incm::inbox::test {

namespace {

using Lock = std::unique_lock<std::mutex>;

StoredAlert stored(std::int64_t id, const MemoryStore::Alert& alert) {
    return {.id = id,
            .received_at_ms = alert.alert.received_at_ms,
            .endpoint = alert.alert.endpoint,
            .form = alert.alert.form,
            .type = alert.alert.type,
            .device = alert.alert.device,
            .text = {},
            .state = {}};
}

bool in_time(const AlertQuery& query, std::int64_t received_at_ms) {
    return (!query.since_ms || received_at_ms >= *query.since_ms) &&
           (!query.until_ms || received_at_ms < *query.until_ms);
}

std::string name_of(DeliveryState state) {
    switch (state) {
        case DeliveryState::kOpen:
            return "open";
        case DeliveryState::kDead:
            return "dead";
        case DeliveryState::kDelivered:
            return "delivered";
        case DeliveryState::kAny:
            break;
    }
    return "";
}

/// The numbers between two bounds, in the order of the query.
template <typename Map>
std::vector<std::int64_t> numbers(const Map& map, std::int64_t after, std::int64_t before,
                                  bool descending) {
    std::vector<std::int64_t> found;
    for (const auto& [id, one] : map) {
        if (id > after && id < before) {
            found.push_back(id);
        }
    }
    if (descending) {
        std::ranges::reverse(found);
    }
    return found;
}

}  // namespace

/// What became of a delivery: "" when it was never made.
std::string MemoryInbox::MemoryCatalog::state_of(const MemoryStore::Plugin& plugin,
                                                 std::int64_t id) const {
    if (const auto found = plugin.deliveries.find(id); found != plugin.deliveries.end()) {
        return found->second.dead ? "dead" : "open";
    }
    const auto ledger = plugin.ledger.find(id);
    return ledger == plugin.ledger.end() || ledger->second.empty() ? ""
                                                                   : ledger->second.back().outcome;
}

/// What became of an alert as the query sees it; empty when it does not fit.
std::optional<std::string> MemoryInbox::MemoryCatalog::state_of(const AlertQuery& query,
                                                                std::int64_t id) const {
    const std::string wanted = name_of(query.state.value_or(DeliveryState::kAny));
    std::string worst;
    bool fits = !query.plugin && !query.state;
    const auto rank = [](const std::string& state) {
        static const std::vector<std::string> order = {"", "dropped", "delivered", "open", "dead"};
        return std::ranges::find(order, state) - order.begin();
    };
    for (const MemoryStore::Plugin& plugin : store_.plugins) {
        if (query.plugin && plugin.name != *query.plugin) {
            continue;
        }
        const std::string state = state_of(plugin, id);
        fits = fits || (wanted.empty() ? !state.empty() : state == wanted);
        worst = rank(state) > rank(worst) ? state : worst;
    }
    return fits ? std::optional(wanted.empty() ? worst : wanted) : std::nullopt;
}

base::Result<AlertPage> MemoryInbox::MemoryCatalog::alerts(const AlertQuery& query) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    AlertPage page;
    std::int64_t last_id = 0;
    std::size_t scanned = 0;
    std::size_t scanned_bytes = 0;
    std::size_t page_bytes = 0;
    for (const std::int64_t id :
         numbers(store_.alerts, query.after, query.before, query.descending)) {
        if (page.alerts.size() >= query.limit || scanned >= kMaxScanned ||
            scanned_bytes >= kMaxScannedBytes || page_bytes >= kMaxPageBytes) {
            page.next = last_id;
            break;
        }
        ++scanned;
        last_id = id;
        const MemoryStore::Alert& alert = store_.alerts.at(id);
        const auto state = state_of(query, id);
        if (!in_time(query, alert.alert.received_at_ms) || !state) {
            continue;
        }
        StoredAlert found = stored(id, alert);
        if (query.with_text || query.wanted_reads_text) {
            found.text = alert.alert.text;
            scanned_bytes += found.text.size();
        }
        if (query.wanted && !query.wanted(found)) {
            continue;
        }
        if (!query.with_text) {
            found.text.clear();
        }
        page_bytes += found.text.size();
        found.state = *state;
        page.alerts.push_back(std::move(found));
    }
    return page;
}

PluginHistory MemoryInbox::MemoryCatalog::history_of(const MemoryStore::Plugin& plugin,
                                                     std::int64_t id) const {
    PluginHistory history;
    history.plugin = plugin.name;
    history.first_alert_id = plugin.first_alert_id;
    if (const auto ledger = plugin.ledger.find(id); ledger != plugin.ledger.end()) {
        history.ledger = ledger->second;
    }
    if (const auto found = plugin.deliveries.find(id); found != plugin.deliveries.end()) {
        const MemoryStore::OpenDelivery& delivery = found->second;
        history.state = delivery.dead ? PluginHistory::State::kDead : PluginHistory::State::kOpen;
        history.attempts = delivery.attempts;
        history.due_in_ms =
            delivery.dead ? 0
                          : std::max<std::int64_t>(delivery.due_at_ms - inbox_.clock_.now_ms(), 0);
        history.error = delivery.error;
        history.fetched_at_ms = delivery.leased_at_ms;
    } else if (!history.ledger.empty()) {
        const LedgerEntry& last = history.ledger.back();
        const bool dropped = last.outcome == "dropped";
        history.state = dropped ? PluginHistory::State::kDropped : PluginHistory::State::kDelivered;
        history.attempts = last.number - (dropped ? 1 : 0);
        history.error = last.error;
    }
    return history;
}

base::Result<std::optional<AlertHistory>> MemoryInbox::MemoryCatalog::alert(std::int64_t id) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    const auto found = store_.alerts.find(id);
    if (found == store_.alerts.end()) {
        return std::optional<AlertHistory>();
    }
    AlertHistory history;
    history.alert = stored(id, found->second);
    history.alert.text = found->second.alert.text;
    history.trace = found->second.alert.trace;
    for (const MemoryStore::Plugin& plugin : store_.plugins) {
        history.plugins.push_back(history_of(plugin, id));
    }
    return std::optional(std::move(history));
}

base::Result<UndeliveredPage> MemoryInbox::MemoryCatalog::undelivered(
    const UndeliveredQuery& query) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    UndeliveredPage page;
    for (std::size_t place = 0; place < store_.plugins.size(); ++place) {
        const auto plugin_id = static_cast<std::int64_t>(place) + 1;
        const MemoryStore::Plugin& plugin = store_.plugins[place];
        if (plugin_id < query.after.plugin_id || (query.plugin && plugin.name != *query.plugin)) {
            continue;
        }
        UndeliveredCursor last{plugin_id,
                               plugin_id == query.after.plugin_id ? query.after.alert_id : 0};
        const bool orphaned = query.orphaned && query.orphaned(plugin.name);
        for (auto one = plugin.deliveries.upper_bound(last.alert_id);
             one != plugin.deliveries.end(); ++one) {
            if (page.found.size() >= query.limit) {
                page.next = last;
                return page;
            }
            const auto& [id, delivery] = *one;
            last.alert_id = id;
            if (delivery.dead || orphaned) {
                const auto ended = plugin.ended_ms.find(id);
                page.found.push_back(
                    {.plugin = plugin.name,
                     .dead = delivery.dead,
                     .attempts = delivery.attempts,
                     .failed_at_ms = ended == plugin.ended_ms.end() ? std::nullopt : ended->second,
                     .error = delivery.error,
                     .alert = stored(id, store_.alerts.at(id))});
            }
        }
    }
    return page;
}

base::Result<Statistics> MemoryInbox::MemoryCatalog::statistics() {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    Statistics all;
    all.last_alert_id = store_.last_alert_id;
    if (!store_.alerts.empty()) {
        all.first_received_at_ms = store_.alerts.begin()->second.alert.received_at_ms;
        all.last_received_at_ms = store_.alerts.rbegin()->second.alert.received_at_ms;
    }
    for (const MemoryStore::Plugin& plugin : store_.plugins) {
        PluginTotals& totals = all.plugins.emplace_back();
        totals.plugin = plugin.name;
        for (const auto& [id, delivery] : plugin.deliveries) {
            if (delivery.dead) {
                ++totals.dead;
                continue;
            }
            ++totals.open;
            totals.waiting += delivery.attempts > delivery.base ? 1 : 0;
            const std::int64_t age_ms = inbox_.clock_.now_ms() - delivery.created_at_ms;
            totals.oldest_open_ms = std::max(totals.oldest_open_ms.value_or(0), age_ms);
        }
    }
    return all;
}

base::Result<Counts> MemoryInbox::MemoryCatalog::counts() {
    return inbox_.counts();
}

base::Result<std::vector<std::string>> MemoryInbox::MemoryCatalog::plugins() {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    std::vector<std::string> names;
    for (const MemoryStore::Plugin& plugin : store_.plugins) {
        names.push_back(plugin.name);
    }
    return names;
}

base::Result<bool> MemoryInbox::MemoryCatalog::is_open(const std::string& plugin,
                                                       std::int64_t alert_id) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    const MemoryStore::Plugin* const known = store_.plugin(plugin);
    return known && state_of(*known, alert_id) == "open";
}

base::Result<RejectedPage> MemoryInbox::MemoryCatalog::quarantine(const RejectedQuery& query) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    RejectedPage page;
    std::size_t bytes = 0;
    for (const std::int64_t id :
         numbers(store_.quarantine, query.after, query.before, query.descending)) {
        const QuarantinedRequest& request = store_.quarantine.at(id);
        if ((query.kind && request.kind != *query.kind) ||
            (query.endpoint && request.endpoint != *query.endpoint) ||
            request.received_at_ms < query.since_ms) {
            continue;
        }
        if (page.found.size() >= query.limit || bytes >= kMaxScannedBytes) {
            page.next = page.found.back().id;
            break;
        }
        StoredRejected& found = page.found.emplace_back();
        found.id = id;
        found.body_bytes = static_cast<std::int64_t>(request.body.size());
        found.request = request;
        found.request.source.clear();
        found.request.identity.reset();
        if (!query.with_body) {
            found.request.body.clear();
        }
        bytes += found.request.body.size();
    }
    return page;
}

base::Result<std::optional<StoredRejected>> MemoryInbox::MemoryCatalog::rejected(std::int64_t id) {
    const auto page = quarantine({.after = id - 1, .before = id + 1, .with_body = true});
    if (!page.ok()) {
        return page.error();
    }
    return page.value().found.empty() ? std::optional<StoredRejected>()
                                      : std::optional(page.value().found.front());
}

}  // namespace incm::inbox::test
