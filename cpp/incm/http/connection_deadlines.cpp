#include "incm/http/connection_deadlines.h"

#include <algorithm>
#include <utility>

namespace incm::http {

using Lock = OpenConnections::Lock;
using Stage = Connection::Stage;

void ConnectionDeadlines::end_late(std::int64_t now_ms) {
    for (std::unique_ptr<Connection>& connection : remove_expired(now_ms)) {
        const bool was_closing = connection->stage() == Stage::kClosing;
        // A request may have arrived in time and be seen late, by a server that was suspended or is
        // busy.
        if (!was_closing && connection->has_unread()) {
            const Lock lock(all_);
            all_.note_back(lock);
            all_.put_ready(std::move(connection), lock);
            continue;
        }
        connection->expire();
        const bool is_closed = was_closing || connection->close(now_ms);
        return_connection(std::move(connection), is_closed);
    }
}

ConnectionDeadlines::Connections ConnectionDeadlines::remove_expired(std::int64_t now_ms) {
    const Lock lock(all_);
    Connections expired = all_.idle(lock).remove_expired(now_ms);
    all_.note_out(expired.size(), lock);
    return expired;
}

/// Good requests are complete quickly, so large ones that are not end before the memory is used up.
void ConnectionDeadlines::free_memory(std::int64_t now_ms) {
    if (budget_.excess() == 0) return;
    for (std::unique_ptr<Connection>& connection : take_slow_large(now_ms)) {
        connection->refuse(base::ErrorCode::kBusy,
                           "too many large requests, and this one was slow");
        const bool is_closed = connection->close(now_ms);
        return_connection(std::move(connection), is_closed);
    }
}

/// Remove the slowest connections, as many as hold the bytes above the limit.
ConnectionDeadlines::Connections ConnectionDeadlines::take_slow_large(std::int64_t now_ms) {
    const Lock lock(all_);
    std::size_t excess = budget_.excess();
    Connections removed = all_.idle(lock).remove_if(Stage::kBegun, [&](const Connection& one) {
        const bool is_young = one.since_ms() > now_ms - kNewcomerMs;
        if (excess == 0 || one.held_bytes() == 0 || is_young) return false;
        excess -= std::min(excess, one.held_bytes());
        return true;
    });
    all_.note_out(removed.size(), lock);
    return removed;
}

void ConnectionDeadlines::return_connection(std::unique_ptr<Connection> connection,
                                            bool is_closed) noexcept {
    const Lock lock(all_);
    all_.note_back(lock);
    is_closed ? all_.forget(std::move(connection), lock)
              : all_.put_idle(std::move(connection), lock);
}

}  // namespace incm::http
