#include "incm/inbox/sqlite/settler.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/endings.h"

namespace incm::inbox::sqlite {

void Settler::settle(std::vector<Settlement> settlements, std::vector<StateChange> state) {
    // Allocate all memory before the first claim: a claimed delivery that is not settled would be
    // lost until the next start.
    auto operation = std::make_unique<Settle>(watches_, log_);
    Settle& settle = *operation;
    settle.reserve(settlements.size());
    if (!state.empty() && !settlements.empty()) {
        settle.change_state(pending_state_.add(settlements.front().plugin, std::move(state)));
    }
    Operation::List posted;
    posted.push_back(std::move(operation));
    const std::int64_t now_ms = clock_.now_ms();
    const std::int64_t wall_ms = clock_.wall_ms();
    for (Settlement& settlement : settlements) {
        DeliveryQueue* queue = queues_.find(settlement.plugin);
        const auto fetched = queue ? queue->claim(settlement.alert_id) : std::nullopt;
        if (!fetched) {
            ignored("settlement", settlement.plugin, settlement.alert_id);
            continue;
        }
        const std::int64_t due_at_ms = now_ms + std::max<std::int64_t>(settlement.retry_in_ms, 0);
        settle.add({queue,
                    {queue->id(), fetched->lease_id, fetched->attempts + 1, due_at_ms, wall_ms,
                     std::move(settlement)}});
    }
    if (!settle.empty()) {
        writer_.post(std::move(posted));
    }
}

void Settler::give_back(const std::string& plugin,
                        std::span<const std::int64_t> alert_ids) noexcept {
    DeliveryQueue* queue = queues_.find(plugin);
    Operation::List posted;
    std::vector<std::int64_t> returned;
    GiveBack* ends = nullptr;
    try {
        returned.reserve(alert_ids.size());
        auto operation = std::make_unique<GiveBack>(plugin, log_);
        operation->reserve(alert_ids.size());
        posted.push_back(std::move(operation));
        ends = static_cast<GiveBack*>(posted.front().get());
    } catch (const std::bad_alloc&) {
        posted.clear();
    }
    for (const std::int64_t alert_id : alert_ids) {
        const auto fetched = queue ? queue->claim(alert_id) : std::nullopt;
        if (!fetched) {
            ignored("return", plugin, alert_id);
        } else if (ends) {
            ends->add({fetched->lease_id, alert_id});
            returned.push_back(alert_id);
        } else {
            queue->put_back(alert_id);
        }
    }
    // The writer gets them first: a thread that takes them again must lease them after this lease
    // has ended.
    if (!returned.empty()) {
        writer_.post(std::move(posted));
    }
    for (const std::int64_t alert_id : returned) {
        queue->put_back(alert_id);
    }
    if (queue) {
        queue->arrived(true);
    }
}

void Settler::ignored(const char* what, const std::string& plugin, std::int64_t alert_id) noexcept {
    try {
        log_.write(base::LogLevel::kWarning,
                   std::string(what) + " of alert " + std::to_string(alert_id) + " by " +
                       base::printable(plugin) + " ignored: it is not fetched");
    } catch (const std::bad_alloc&) {
        log_.write(base::LogLevel::kWarning, what);
    }
}

}  // namespace incm::inbox::sqlite
