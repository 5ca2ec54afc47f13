#include "incm/http/connection_manager.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "incm/base/clock.h"
#include "incm/http/answer_text.h"

namespace incm::http {

namespace {

constexpr int kLookEachMs = 250;  // interval of the deadline checks
constexpr int kKeepAliveWaitMs = 50;
constexpr int kBusyLookMs = 10;  // interval while workers may be blocked

}  // namespace

ConnectionManager::ConnectionManager(ConnectionRules rules, const ConnectionLimits& limits,
                                     TlsSource tls)
    : rules_(std::move(rules)),
      kept_fields_(keep_alive_fields(rules_.keep_alive_ms)),
      limits_(limits),
      budget_(limits.request_bytes),
      all_(poll_),
      acceptor_(rules_, limits_, std::move(tls), budget_, poll_, all_),
      deadlines_(all_, budget_) {}

std::size_t ConnectionManager::wait(int timeout_ms) {
    const std::int64_t begun_ms = base::steady_ms();
    beat_ms_.store(begun_ms, std::memory_order_relaxed);
    if (begun_ms - looked_ms_ >= kLookEachMs) {
        looked_ms_ = begun_ms;
        enforce_deadlines(begun_ms);
    }
    const EventPoll::Events events =
        poll_.wait(is_busy_ ? std::min(timeout_ms, kBusyLookMs) : timeout_ms);
    {
        const Lock lock(all_);
        for (const std::uint64_t mark : events.marks) client_speaks(mark, lock);
    }
    if (events.newcomers) acceptor_.accept_all();
    const Lock lock(all_);
    is_busy_ = all_.is_busy(lock);
    return all_.ready(lock).wanted_workers();
}

void ConnectionManager::enforce_deadlines(std::int64_t now_ms) {
    deadlines_.end_late(now_ms);
    deadlines_.free_memory(now_ms);
    const Lock lock(all_);
    if (is_draining()) all_.end_idle(now_ms, lock);
    note_quiet(lock);
    poll_.resume_listening();
}

void ConnectionManager::client_speaks(std::uint64_t mark, const Lock& lock) {
    std::unique_ptr<Connection> connection = all_.idle(lock).remove(mark);
    if (!connection) return;
    if (connection->stage() != Connection::Stage::kClosing) {
        all_.put_ready(std::move(connection), lock);
    } else if (connection->go_on_closing()) {
        all_.forget(std::move(connection), lock);
    } else {
        all_.put_idle(std::move(connection), lock);
    }
}

void ConnectionManager::expect_worker(bool comes) {
    const Lock lock(all_);
    all_.ready(lock).expect_worker(comes);
}

std::unique_ptr<Connection> ConnectionManager::pop_ready() {
    Lock lock(all_);
    return pop_ready(lock);
}

std::unique_ptr<Connection> ConnectionManager::pop_ready(Lock& lock) {
    std::unique_ptr<Connection> connection = all_.ready(lock).pop(lock.to_wait());
    if (connection) all_.note_out(1, lock);
    return connection;
}

std::unique_ptr<Connection> ConnectionManager::exchange(std::unique_ptr<Connection> done,
                                                        bool has_more) {
    const bool is_closed =
        done && !done->is_waiting() && !has_more && done->close(base::steady_ms());
    Lock lock(all_);
    all_.ready(lock).worker_is_free();
    if (done) {
        all_.note_back(lock);
        is_closed ? all_.forget(std::move(done), lock)
                  : return_connection(std::move(done), has_more, lock);
        note_quiet(lock);
    }
    return pop_ready(lock);
}

void ConnectionManager::return_connection(std::unique_ptr<Connection> connection, bool has_more,
                                          const Lock& lock) noexcept {
    using Stage = Connection::Stage;
    if (has_more) {
        all_.put_ready(std::move(connection), lock);
    } else if (connection->is_waiting() && is_draining() && connection->stage() == Stage::kKept) {
        all_.end_if_silent(std::move(connection), lock);
    } else {
        all_.put_idle(std::move(connection), lock);
    }
}

void ConnectionManager::answered(std::unique_ptr<Connection> connection) noexcept {
    const Lock lock(all_);
    all_.note_back(lock);
    if (!all_.ready(lock).is_closed()) return all_.put_ready(std::move(connection), lock);
    // Sends as much as the client accepts at once.
    static_cast<void>(connection->close(base::steady_ms()));
    all_.forget(std::move(connection), lock);
    all_answered_.notify_all();
}

void ConnectionManager::wait_for_answers() {
    Lock lock(all_);
    all_answered_.wait(lock.to_wait(), [&] { return all_.none_is_out(lock); });
    all_.ready(lock).close_connections(base::steady_ms());
}

int ConnectionManager::begin_keep_alive_wait() {
    if (is_crowded() || is_draining()) return 0;
    const std::size_t most = std::min(processors(), limits_.workers / 2);
    if (keep_alive_waits_.fetch_add(1, std::memory_order_relaxed) < most) return kKeepAliveWaitMs;
    end_keep_alive_wait();
    return 0;
}

void ConnectionManager::drain(std::int64_t grace_ms) {
    Lock lock(all_);
    draining_ = true;
    poll_.stop_listening();
    all_.end_idle(base::steady_ms(), lock);
    quiet_.wait_for(lock.to_wait(), std::chrono::milliseconds(grace_ms),
                    [&] { return all_.is_quiet(lock); });
}

void ConnectionManager::note_quiet(const Lock& lock) {
    if (is_draining() && all_.is_quiet(lock)) quiet_.notify_all();
}

void ConnectionManager::close() {
    const Lock lock(all_);
    all_.ready(lock).close();
    poll_.wake();
}

std::size_t ConnectionManager::open_connections() const {
    const Lock lock(all_);
    return all_.count(lock);
}

}  // namespace incm::http
