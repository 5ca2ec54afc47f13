#include "incm/http/lobby.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/clock.h"
#include "incm/http/lobby_watch.h"

namespace incm::http {

namespace {

using base::ErrorCode;

constexpr std::uint64_t kWakerMark = UINT64_MAX - 1;
constexpr std::size_t kEventsAtOnce = 64;
constexpr int kLookEachMs = 250;  // for deadlines
constexpr int kLingerMs = 50;

}  // namespace

Lobby::Lobby(ConnectionRules rules, const LobbyLimits& limits, TlsSource tls)
    : rules_(std::move(rules)),
      limits_(limits),
      tls_(std::move(tls)),
      budget_(limits.request_bytes),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Lobby::~Lobby() {
    ::close(waker_);
    ::close(epoll_);
}

void Lobby::open(int listener) {
    if (epoll_ < 0 || waker_ < 0) {
        throw base::Failure({ErrorCode::kCannotListen, "no descriptor is left to watch clients"});
    }
    // Another process may share it, and be faster to accept what was announced here.
    ::fcntl(listener, F_SETFL, ::fcntl(listener, F_GETFL) | O_NONBLOCK);
    const int on = 1;  // the connections inherit it
    ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listener_ = listener;
    watch(epoll_, EPOLL_CTL_ADD, waker_, EPOLLIN, kWakerMark);
    watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, kListenerMark);
}

std::size_t Lobby::wait(int timeout_ms) {
    const std::int64_t begun_ms = now_ms();
    beat_ms_.store(begun_ms, std::memory_order_relaxed);
    if (begun_ms - looked_ms_ >= kLookEachMs) {
        looked_ms_ = begun_ms;
        Gone gone;
        const Lock lock(mutex_);
        keep_time(begun_ms, lock);
        gone.swap(gone_);
    }
    std::array<epoll_event, kEventsAtOnce> events;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
    if (look_at_all({events.data(), static_cast<std::size_t>(std::max(count, 0))})) accept_all();
    const Lock lock(mutex_);
    return ready_.size() - std::min(ready_.size(), idle_workers_);
}

void Lobby::expect_worker(bool comes) {
    const Lock lock(mutex_);
    comes ? ++idle_workers_ : --idle_workers_;
    crowded_ = ready_.size() > idle_workers_;
}

/// Returns whether newcomers are there.
bool Lobby::look_at_all(std::span<const epoll_event> events) {
    bool newcomers = false;
    Gone gone;
    const Lock lock(mutex_);
    for (const epoll_event& event : events) {
        if (event.data.u64 == kListenerMark) {
            newcomers = true;
        } else if (event.data.u64 != kWakerMark) {
            look_at(event.data.u64, lock);
        }
    }
    gone.swap(gone_);
    return newcomers;
}

void Lobby::look_at(std::uint64_t mark, const Lock& lock) {
    std::unique_ptr<Connection> connection = parking_.take(mark);
    if (!connection) return;
    if (connection->stage() != Stage::kClosing) {
        make_ready(std::move(connection), lock);
    } else if (connection->go_on_closing()) {
        forget(std::move(connection), lock);
    } else {
        park(std::move(connection), EPOLL_CTL_MOD, lock);
    }
}

void Lobby::make_ready(std::unique_ptr<Connection> connection, const Lock& /*lock*/) {
    ready_.push_back(std::move(connection));
    crowded_ = ready_.size() > idle_workers_;
    work_.notify_one();
}

std::unique_ptr<Connection> Lobby::take() {
    Lock lock(mutex_);
    work_.wait(lock, [this] { return closed_ || !ready_.empty(); });
    if (closed_) return nullptr;
    --idle_workers_;
    std::unique_ptr<Connection> connection = std::move(ready_.front());
    ready_.pop_front();
    crowded_ = ready_.size() > idle_workers_;
    ++handed_;
    return connection;
}

void Lobby::close() {
    const Lock lock(mutex_);
    closed_ = true;
    work_.notify_all();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(waker_, &one, sizeof one);
}

void Lobby::keep_time(std::int64_t now, const Lock& lock) {
    for (std::unique_ptr<Connection>& connection : parking_.take_expired(now)) {
        if (connection->stage() == Stage::kClosing) {
            forget(std::move(connection), lock);
        } else {
            connection->expire();
            end(std::move(connection), lock);
        }
    }
    if (is_draining()) turn_idle_away(now, lock);
    resume(lock);
}

void Lobby::turn_idle_away(std::int64_t now, const Lock& lock) {
    const auto all = [](const Connection&) { return true; };
    const auto silent = [&](const Connection& one) { return one.since_ms() + kNewcomerMs <= now; };
    for (auto& connection : parking_.take_if(Stage::kKept, all)) end(std::move(connection), lock);
    for (auto& connection : parking_.take_if(Stage::kFresh, silent)) {
        end(std::move(connection), lock);
    }
    if (is_quiet(lock)) quiet_.notify_all();
}

void Lobby::give_back(std::unique_ptr<Connection> connection, bool has_more) {
    const bool waits = connection->is_waiting();
    const bool closed = !waits && !has_more && connection->close(now_ms());
    Gone gone;
    const Lock lock(mutex_);
    --handed_;
    ++idle_workers_;
    if (has_more) {
        make_ready(std::move(connection), lock);
    } else if (closed) {
        forget(std::move(connection), lock);
    } else if (waits && is_draining() && connection->stage() == Stage::kKept) {
        end(std::move(connection), lock);
    } else {
        park(std::move(connection), EPOLL_CTL_MOD, lock);
    }
    if (is_draining() && is_quiet(lock)) quiet_.notify_all();
    gone.swap(gone_);
}

void Lobby::end(std::unique_ptr<Connection> connection, const Lock& lock) {
    if (connection->close(now_ms())) return forget(std::move(connection), lock);
    park(std::move(connection), EPOLL_CTL_MOD, lock);
}

void Lobby::park(std::unique_ptr<Connection> connection, int operation, const Lock& lock) {
    resume(lock);
    const int descriptor = connection->descriptor();
    const std::uint32_t events = connection->wants_write() ? EPOLLOUT : EPOLLIN;
    watch(epoll_, operation, descriptor, events | EPOLLONESHOT,
          parking_.put(std::move(connection)));
}

/// Closing a socket takes time: it is done when nobody waits for the lock.
void Lobby::forget(std::unique_ptr<Connection> connection, const Lock& lock) {
    resume(lock);
    gone_.push_back(nullptr);  // may throw, and nothing has happened then
    const auto held = held_.find(connection->peer().holder());
    if (--held->second == 0) held_.erase(held);
    --open_;
    gone_.back() = std::move(connection);
}

int Lobby::may_linger() {
    if (is_crowded() || is_draining()) return 0;
    if (lingering_.fetch_add(1, std::memory_order_relaxed) < limits_.workers * 3 / 4) {
        return kLingerMs;
    }
    linger_ended();
    return 0;
}

void Lobby::drain(std::int64_t grace_ms) {
    Gone gone;
    Lock lock(mutex_);
    draining_ = true;
    if (listener_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
    turn_idle_away(now_ms(), lock);
    gone.swap(gone_);
    quiet_.wait_for(lock, std::chrono::milliseconds(grace_ms), [&] { return is_quiet(lock); });
}

bool Lobby::is_quiet(const Lock& /*lock*/) const {
    return handed_ == 0 && ready_.empty() && parking_.size(Stage::kFresh) == 0 &&
           parking_.size(Stage::kBegun) == 0;
}

std::size_t Lobby::open_connections() const {
    const Lock lock(mutex_);
    return open_;
}

}  // namespace incm::http
