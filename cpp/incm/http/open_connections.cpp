#include "incm/http/open_connections.h"

#include <new>
#include <utility>

#include "incm/base/clock.h"

namespace incm::http {

using Stage = Connection::Stage;

void OpenConnections::Lock::unlock() {
    std::vector<std::unique_ptr<Connection>> forgotten;
    forgotten.swap(all_.forgotten_);
    mutex_.unlock();
}

std::size_t OpenConnections::add(const Connection& newcomer, const Lock& /*lock*/) {
    const std::size_t held = ++held_[newcomer.peer().holder()];
    ++open_;
    return held;
}

void OpenConnections::put_idle(std::unique_ptr<Connection> connection, const Lock& lock,
                               bool is_new) noexcept {
    poll_.resume_listening();
    const int descriptor = connection->descriptor();
    const auto interest =
        connection->wants_write() ? EventPoll::Interest::kRoomToSend : EventPoll::Interest::kBytes;
    if (const auto mark = idle_.put(connection)) {
        poll_.watch(descriptor, interest, *mark, is_new);
    } else {
        forget(std::move(connection), lock);
    }
}

void OpenConnections::put_ready(std::unique_ptr<Connection> connection, const Lock& lock) noexcept {
    if (!ready_.push(connection)) forget(std::move(connection), lock);
}

void OpenConnections::end(std::unique_ptr<Connection> connection, const Lock& lock) noexcept {
    if (connection->close(base::steady_ms())) return forget(std::move(connection), lock);
    put_idle(std::move(connection), lock);
}

void OpenConnections::end_if_silent(std::unique_ptr<Connection> connection,
                                    const Lock& lock) noexcept {
    connection->has_unread() ? put_ready(std::move(connection), lock)
                             : end(std::move(connection), lock);
}

void OpenConnections::forget(std::unique_ptr<Connection> connection,
                             const Lock& /*lock*/) noexcept {
    poll_.resume_listening();
    const auto held = held_.find(connection->peer().holder());
    if (--held->second == 0) held_.erase(held);
    --open_;
    // The thread that waits for the last answer frees this object as soon as the lock is free.
    if (ready_.is_closed()) return;
    try {
        forgotten_.push_back(std::move(connection));
    } catch (const std::bad_alloc&) {  // it is still here, and destroyed at the end of this call
    }
}

void OpenConnections::end_idle(std::int64_t now_ms, const Lock& lock) {
    const auto all = [](const Connection&) { return true; };
    const auto silent = [&](const Connection& one) {
        return one.since_ms() + kNewcomerMs <= now_ms;
    };
    for (auto& one : idle_.remove_if(Stage::kKept, all)) end_if_silent(std::move(one), lock);
    for (auto& one : idle_.remove_if(Stage::kNew, silent)) end_if_silent(std::move(one), lock);
}

bool OpenConnections::is_busy(const Lock& /*lock*/) const {
    return out_ > 0 || !ready_.is_empty();
}

bool OpenConnections::is_quiet(const Lock& lock) const {
    return !is_busy(lock) && idle_.size(Stage::kNew) == 0 && idle_.size(Stage::kBegun) == 0;
}

}  // namespace incm::http
