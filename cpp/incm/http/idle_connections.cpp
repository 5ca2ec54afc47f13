#include "incm/http/idle_connections.h"

#include <new>
#include <utility>

namespace incm::http {

using Stage = Connection::Stage;
using Connections = std::list<std::unique_ptr<Connection>>;

std::optional<std::uint64_t> IdleConnections::put(
    std::unique_ptr<Connection>& connection) noexcept {
    const Stage stage = connection->stage();
    const int descriptor = connection->descriptor();
    Row& waiting = row(stage);
    const Age age{connection->eviction_age_ms(), ++serial_};
    Row::iterator place = waiting.end();
    try {
        place = waiting.try_emplace(age).first;
        by_descriptor_[descriptor] = {stage, place};
    } catch (const std::bad_alloc&) {
        if (place != waiting.end()) waiting.erase(place);
        return std::nullopt;
    }
    place->second = std::move(connection);
    return static_cast<std::uint64_t>(serial_) << 32 | static_cast<std::uint32_t>(descriptor);
}

std::unique_ptr<Connection> IdleConnections::remove(std::uint64_t mark) {
    const auto found = by_descriptor_.find(static_cast<int>(mark & 0xFFFFFFFF));
    if (found == by_descriptor_.end()) return nullptr;
    const auto [stage, place] = found->second;
    if (place->first.second != mark >> 32) return nullptr;
    return remove(stage, place);
}

std::unique_ptr<Connection> IdleConnections::evict_longest_idle(std::int64_t silent_ms) {
    for (const Stage stage : {Stage::kClosing, Stage::kNew, Stage::kKept}) {
        const auto oldest = row(stage).begin();
        if (oldest == row(stage).end()) continue;
        if (stage != Stage::kClosing && oldest->first.first > silent_ms) continue;
        return remove(stage, oldest);
    }
    return nullptr;
}

Connections IdleConnections::evict_longest_idle_of(const net::IpAddress& holder,
                                                   std::int64_t silent_ms, std::size_t most) {
    const auto chosen = [&](const Connection& one) {
        return one.since_ms() <= silent_ms && one.peer().holder() == holder;
    };
    return remove_if(Stage::kKept, chosen, most);
}

std::unique_ptr<Connection> IdleConnections::remove_oldest() {
    const Row& newcomers = row(Stage::kNew);
    const Row& kept = row(Stage::kKept);
    if (newcomers.empty() && kept.empty()) return nullptr;
    const bool newcomer =
        kept.empty() || (!newcomers.empty() && newcomers.begin()->first < kept.begin()->first);
    const Stage stage = newcomer ? Stage::kNew : Stage::kKept;
    return remove(stage, row(stage).begin());
}

std::unique_ptr<Connection> IdleConnections::remove_slowest(std::int64_t begun_ms) {
    Row& begun = row(Stage::kBegun);
    if (begun.empty() || begun.begin()->first.first > begun_ms) return nullptr;
    return remove(Stage::kBegun, begun.begin());
}

Connections IdleConnections::remove_if(Stage stage,
                                       const std::function<bool(const Connection&)>& chosen,
                                       std::size_t most) {
    Connections removed;
    for (auto place = row(stage).begin(); place != row(stage).end() && removed.size() < most;) {
        const auto next = std::next(place);
        if (chosen(*place->second)) {
            try {
                removed.emplace_back();
            } catch (const std::bad_alloc&) {
                break;  // the next check removes the rest
            }
            removed.back() = remove(stage, place);
        }
        place = next;
    }
    return removed;
}

Connections IdleConnections::remove_expired(std::int64_t now_ms) {
    const auto expired = [now_ms](const Connection& one) { return one.deadline_ms() <= now_ms; };
    Connections removed;
    for (const Stage stage : {Stage::kNew, Stage::kBegun, Stage::kKept, Stage::kClosing}) {
        removed.splice(removed.end(), remove_if(stage, expired));
    }
    return removed;
}

std::unique_ptr<Connection> IdleConnections::remove(Stage stage, Row::iterator place) {
    std::unique_ptr<Connection> connection = std::move(place->second);
    by_descriptor_.erase(connection->descriptor());
    row(stage).erase(place);
    return connection;
}

}  // namespace incm::http
