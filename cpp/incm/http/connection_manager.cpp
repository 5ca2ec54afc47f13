#include "incm/http/connection_manager.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/clock.h"
#include "incm/http/answer_text.h"
#include "incm/http/connection_watch.h"

namespace incm::http {

namespace {

using base::ErrorCode;

constexpr std::uint64_t kWakerMark = UINT64_MAX - 1;
constexpr std::size_t kEventsAtOnce = 64;
constexpr int kLookEachMs = 250;  // for deadlines
constexpr int kLingerMs = 50;
constexpr int kBusyLookMs = 10;  // for workers that are held up
constexpr std::int64_t kPatienceMs = 20;

std::size_t processors() {
    static const std::size_t count = std::max(1U, std::thread::hardware_concurrency());
    return count;
}

}  // namespace

ConnectionManager::ConnectionManager(ConnectionRules rules, const ConnectionLimits& limits,
                                     TlsSource tls)
    : rules_(std::move(rules)),
      kept_fields_(keep_alive_fields(rules_.keep_alive_ms)),
      limits_(limits),
      tls_(std::move(tls)),
      budget_(limits.request_bytes),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ConnectionManager::~ConnectionManager() {
    for (auto* const kept : {&epoll_kept_, &waker_kept_}) *kept = {};
    ::close(waker_);
    ::close(epoll_);
}

void ConnectionManager::open(int listener) {
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

std::size_t ConnectionManager::wait(int timeout_ms) {
    const std::int64_t begun_ms = now_ms();
    beat_ms_.store(begun_ms, std::memory_order_relaxed);
    if (begun_ms - looked_ms_ >= kLookEachMs) {
        looked_ms_ = begun_ms;
        keep_time(begun_ms);
    }
    std::array<epoll_event, kEventsAtOnce> events;
    const int longest_ms = is_busy_ ? std::min(timeout_ms, kBusyLookMs) : timeout_ms;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), longest_ms);
    if (look_at_all({events.data(), static_cast<std::size_t>(std::max(count, 0))})) accept_all();
    const Lock lock(mutex_);
    is_busy_ = handed_ > 0 || !ready_.empty();
    return wanted_workers(lock);
}

std::size_t ConnectionManager::wanted_workers(const Lock& /*lock*/) const {
    const std::size_t waiting = ready_.size() - std::min(ready_.size(), idle_workers_);
    if (waiting == 0) return 0;
    if (workers_ <= processors()) return 1;
    // Where some take their turn the others are busy, and more threads would only be in their way.
    const std::int64_t held_up_since_ms = std::max(ready_.front().since_ms, taken_ms_);
    return held_up_since_ms + kPatienceMs <= now_ms() ? std::min(waiting, workers_) : 0;
}

void ConnectionManager::expect_worker(bool comes) {
    const Lock lock(mutex_);
    comes ? ++idle_workers_ : --idle_workers_;
    comes ? ++workers_ : --workers_;
    crowded_ = ready_.size() > idle_workers_;
}

/// Returns whether newcomers are there.
bool ConnectionManager::look_at_all(std::span<const epoll_event> events) {
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

void ConnectionManager::look_at(std::uint64_t mark, const Lock& lock) {
    std::unique_ptr<Connection> connection = idle_.take(mark);
    if (!connection) return;
    if (connection->stage() != Stage::kClosing) {
        make_ready(std::move(connection), lock);
    } else if (connection->go_on_closing()) {
        forget(std::move(connection), lock);
    } else {
        park(std::move(connection), EPOLL_CTL_MOD, lock);
    }
}

/// Without memory it is closed instead.
void ConnectionManager::make_ready(std::unique_ptr<Connection> connection,
                                   const Lock& lock) noexcept {
    try {
        ready_.emplace_back();  // nothing has happened when it throws
    } catch (const std::bad_alloc&) {
        return forget(std::move(connection), lock);
    }
    ready_.back() = {std::move(connection), now_ms()};
    crowded_ = ready_.size() > idle_workers_;
    if (ready_.size() == 1) work_.notify_one();  // who takes it wakes the next one
}

std::unique_ptr<Connection> ConnectionManager::take() {
    Lock lock(mutex_);
    return take(lock);
}

std::unique_ptr<Connection> ConnectionManager::take(Lock& lock) {
    work_.wait(lock, [this] { return closed_ || !ready_.empty(); });
    if (closed_) return nullptr;
    --idle_workers_;
    std::unique_ptr<Connection> connection = std::move(ready_.front().connection);
    ready_.pop_front();
    taken_ms_ = now_ms();
    crowded_ = ready_.size() > idle_workers_;
    ++handed_;
    if (!ready_.empty() && idle_workers_ > 0) work_.notify_one();
    return connection;
}

void ConnectionManager::close() {
    const Lock lock(mutex_);
    closed_ = true;
    work_.notify_all();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(waker_, &one, sizeof one);
}

std::unique_ptr<Connection> ConnectionManager::take_next(std::unique_ptr<Connection> done,
                                                         bool has_more) {
    const bool is_closed = done && !done->is_waiting() && !has_more && done->close(now_ms());
    Lock lock(mutex_);
    ++idle_workers_;
    if (done) {
        --handed_;
        is_closed ? forget(std::move(done), lock) : give_back(std::move(done), has_more, lock);
        if (is_draining() && is_quiet(lock)) quiet_.notify_all();
    }
    if (!gone_.empty()) {
        Gone gone;
        gone.swap(gone_);
        lock.unlock();
        gone.clear();
        lock.lock();
    }
    return take(lock);
}

void ConnectionManager::give_back(std::unique_ptr<Connection> connection, bool has_more,
                                  const Lock& lock) noexcept {
    if (has_more) {
        make_ready(std::move(connection), lock);
    } else if (connection->is_waiting() && is_draining() && connection->stage() == Stage::kKept) {
        let_go(std::move(connection), lock);
    } else {
        park(std::move(connection), EPOLL_CTL_MOD, lock);
    }
}

/// End one that is silent; what has arrived, and nobody has looked at yet, is answered.
void ConnectionManager::let_go(std::unique_ptr<Connection> connection, const Lock& lock) noexcept {
    if (connection->has_unread()) return make_ready(std::move(connection), lock);
    end(std::move(connection), lock);
}

void ConnectionManager::answered(std::unique_ptr<Connection> connection) noexcept {
    const Lock lock(mutex_);
    --handed_;
    if (!closed_) return make_ready(std::move(connection), lock);
    // Nothing of the connection manager may be touched without the lock: who waits for the last one
    // frees it.
    static_cast<void>(connection->close(now_ms()));  // sends what the client takes at once
    forget(std::move(connection), lock);
    gone_.clear();
    all_answered_.notify_all();
}

void ConnectionManager::wait_for_answers() {
    Lock lock(mutex_);
    all_answered_.wait(lock, [this] { return handed_ == 0; });
    for (Ready& one : ready_) static_cast<void>(one.connection->close(now_ms()));
}

void ConnectionManager::end(std::unique_ptr<Connection> connection, const Lock& lock) noexcept {
    if (connection->close(now_ms())) return forget(std::move(connection), lock);
    park(std::move(connection), EPOLL_CTL_MOD, lock);
}

/// Without memory it is closed instead.
void ConnectionManager::park(std::unique_ptr<Connection> connection, int operation,
                             const Lock& lock) noexcept {
    resume(lock);
    const int descriptor = connection->descriptor();
    const std::uint32_t events = connection->wants_write() ? EPOLLOUT : EPOLLIN;
    if (const auto mark = idle_.put(connection)) {
        watch(epoll_, operation, descriptor, events | EPOLLONESHOT, *mark);
    } else {
        forget(std::move(connection), lock);
    }
}

/// Closing a socket takes time: it is done when nobody waits for the lock, if there is memory.
void ConnectionManager::forget(std::unique_ptr<Connection> connection, const Lock& lock) noexcept {
    resume(lock);
    const auto held = held_.find(connection->peer().holder());
    if (--held->second == 0) held_.erase(held);
    --open_;
    try {
        gone_.push_back(std::move(connection));
    } catch (const std::bad_alloc&) {  // it is still here, and closed at the end
    }
}

int ConnectionManager::may_linger() {
    if (is_crowded() || is_draining()) return 0;
    const std::size_t most = std::min(processors(), limits_.workers / 2);
    if (lingering_.fetch_add(1, std::memory_order_relaxed) < most) return kLingerMs;
    linger_ended();
    return 0;
}

void ConnectionManager::drain(std::int64_t grace_ms) {
    Gone gone;
    Lock lock(mutex_);
    draining_ = true;
    if (listener_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
    turn_idle_away(now_ms(), lock);
    gone.swap(gone_);
    quiet_.wait_for(lock, std::chrono::milliseconds(grace_ms), [&] { return is_quiet(lock); });
}

bool ConnectionManager::is_quiet(const Lock& /*lock*/) const {
    return handed_ == 0 && ready_.empty() && idle_.size(Stage::kFresh) == 0 &&
           idle_.size(Stage::kBegun) == 0;
}

}  // namespace incm::http
