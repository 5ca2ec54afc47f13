#include <algorithm>
#include <list>
#include <memory>
#include <utility>

#include <sys/epoll.h>

#include "incm/http/connection_manager.h"
#include "incm/http/connection_watch.h"

// How ConnectionManager ends connections whose time is over, and those that hold too much memory.

namespace incm::http {

using base::ErrorCode;

void ConnectionManager::keep_time(std::int64_t now) {
    for (std::unique_ptr<Connection>& connection : take_expired(now)) {
        // Telling thousands of slow clients takes time, in which answers shall go out.
        const bool was_closing = connection->stage() == Stage::kClosing;
        // What came in time may be seen late: by a server that was stopped, or has much to do.
        const bool speaks = !was_closing && connection->has_unread();
        if (!speaks) connection->expire();
        const bool is_closed = was_closing || (!speaks && connection->close(now));
        if (!speaks) {
            put_back(std::move(connection), is_closed);
            continue;
        }
        const Lock lock(mutex_);
        --handed_;
        make_ready(std::move(connection), lock);
    }
    make_memory(now);
    Gone gone;
    const Lock lock(mutex_);
    if (is_draining()) turn_idle_away(now, lock);
    resume(lock);
    gone.swap(gone_);
}

/// They count as being answered until they are given back.
std::list<std::unique_ptr<Connection>> ConnectionManager::take_expired(std::int64_t now) {
    const Lock lock(mutex_);
    auto expired = idle_.take_expired(now);
    handed_ += expired.size();
    return expired;
}

/// Good requests are whole within moments: large ones that are not go before there is no room.
void ConnectionManager::make_memory(std::int64_t now) {
    if (budget_.excess() == 0) return;
    for (std::unique_ptr<Connection>& connection : take_slow_large(now)) {
        connection->refuse(ErrorCode::kBusy, "too many large requests, and this one was slow");
        const bool is_closed = connection->close(now);
        put_back(std::move(connection), is_closed);
    }
}

/// The slowest, as many as hold what is used too much. They count as being answered, too.
std::list<std::unique_ptr<Connection>> ConnectionManager::take_slow_large(std::int64_t now) {
    const Lock lock(mutex_);
    std::size_t excess = budget_.excess();
    auto taken = idle_.take_if(Stage::kBegun, [&](const Connection& one) {
        const bool is_young = one.since_ms() > now - kNewcomerMs;
        if (excess == 0 || one.held_bytes() == 0 || is_young) return false;
        excess -= std::min(excess, one.held_bytes());
        return true;
    });
    handed_ += taken.size();
    return taken;
}

void ConnectionManager::put_back(std::unique_ptr<Connection> connection, bool is_closed) noexcept {
    const Lock lock(mutex_);
    --handed_;
    is_closed ? forget(std::move(connection), lock)
              : park(std::move(connection), EPOLL_CTL_MOD, lock);
}

void ConnectionManager::turn_idle_away(std::int64_t now, const Lock& lock) {
    const auto all = [](const Connection&) { return true; };
    const auto silent = [&](const Connection& one) { return one.since_ms() + kNewcomerMs <= now; };
    for (auto& connection : idle_.take_if(Stage::kKept, all)) let_go(std::move(connection), lock);
    for (auto& connection : idle_.take_if(Stage::kFresh, silent)) {
        let_go(std::move(connection), lock);
    }
    if (is_quiet(lock)) quiet_.notify_all();
}

}  // namespace incm::http
