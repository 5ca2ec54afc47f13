#include "incm/http/open_connections.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace incm::http {

namespace {

constexpr int kRestMs = 5;  // what an acceptor sleeps that has nothing to do but to be stopped
constexpr std::chrono::seconds kAcceptorTime{1};

}  // namespace

OpenConnection::OpenConnection(std::shared_ptr<OpenConnections> list, int socket)
    : list_(std::move(list)), socket_(socket) {
    const std::lock_guard lock(list_->mutex_);
    list_->all_.insert(this);
}

OpenConnection::~OpenConnection() {
    const std::lock_guard lock(list_->mutex_);
    list_->all_.erase(this);
    if (list_->all_.empty()) list_->changed_.notify_all();
}

bool OpenConnection::begin_rest() {
    const std::lock_guard lock(mutex_);
    resting_ = true;
    // Whoever has had no request yet is about to send one.
    return !(served_ && list_->ending());
}

void OpenConnection::end_rest() {
    const std::lock_guard lock(mutex_);
    resting_ = false;
    served_ = true;
}

void OpenConnection::end(bool fresh) {
    const std::lock_guard lock(mutex_);
    if (!resting_ || !(served_ || fresh)) return;
    ended_ = true;
    ::shutdown(socket_, SHUT_RD);  // wakes its thread, and leaves it what has arrived already
}

bool OpenConnection::ended() {
    const std::lock_guard lock(mutex_);
    return ended_;
}

OpenConnections::OpenConnections() : wake_(eventfd(0, EFD_CLOEXEC)) {
    if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

OpenConnections::~OpenConnections() {
    ::close(wake_);
}

bool OpenConnections::wait_for_connection(int listener, std::int64_t timeout_ms) {
    if (ending_) {
        {
            const std::lock_guard lock(mutex_);
            acceptor_rests_ = true;
            changed_.notify_all();
        }
        ::poll(nullptr, 0, kRestMs);
        return false;
    }
    std::array<pollfd, 2> sockets{pollfd{.fd = listener, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake_, .events = POLLIN, .revents = 0}};
    const auto timeout = static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 0, INT_MAX));
    return ::poll(sockets.data(), sockets.size(), timeout) > 0 && sockets[0].revents != 0 &&
           !ending_;
}

void OpenConnections::end() {
    if (!ending_.exchange(true)) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
    }
    {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kAcceptorTime, [this] { return acceptor_rests_; });
    }
    end_resting(/*fresh=*/false);
}

void OpenConnections::end_fresh() {
    end_resting(/*fresh=*/true);
}

void OpenConnections::end_resting(bool fresh) {
    const std::lock_guard lock(mutex_);
    for (OpenConnection* const one : all_) one->end(fresh);
}

bool OpenConnections::wait_none(std::int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                             [this] { return all_.empty(); });
}

}  // namespace incm::http
