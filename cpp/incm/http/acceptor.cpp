#include "incm/http/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/clock.h"

namespace incm::http {

namespace {

using base::ErrorCode;

constexpr int kAcceptedAtOnce = 64;
constexpr int kLowDescriptors = 256;
constexpr std::size_t kPartOfAnAddress = 16;

/// Move a descriptor up, because plugins that use select(2) cannot use descriptors from 1024 on:
/// most of the lower ones are left to them.
int out_of_the_way(int descriptor) {
    if (descriptor < kLowDescriptors || descriptor >= FD_SETSIZE) return descriptor;
    const int higher = ::fcntl(descriptor, F_DUPFD_CLOEXEC, FD_SETSIZE);
    if (higher < 0) return descriptor;
    ::close(descriptor);
    return higher;
}

}  // namespace

Acceptor::Acceptor(const ConnectionRules& rules, const ConnectionLimits& limits, TlsSource tls,
                   ByteBudget& budget, EventPoll& poll, OpenConnections& all)
    : rules_(rules),
      limits_(limits),
      tls_(std::move(tls)),
      budget_(budget),
      poll_(poll),
      all_(all) {}

void Acceptor::open(int listener) {
    poll_.listen(listener);
    listener_ = listener;
}

void Acceptor::accept_all() {
    for (int i = 0; i < kAcceptedAtOnce; ++i) {
        if (!has_place() || !accept_one()) return;
    }
}

/// Whether there is a place for another client. If not, it waits in the backlog.
bool Acceptor::has_place() {
    {
        const Lock lock(all_);
        if (!poll_.listens()) return false;
        if (all_.count(lock) < limits_.connections) return true;
    }
    return make_room();
}

bool Acceptor::accept_one() {
    const std::shared_ptr<const net::TlsContext> tls = tls_ ? tls_() : nullptr;
    sockaddr_storage storage{};
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    socklen_t length = sizeof storage;
    // A plugin's child process must not inherit the socket, because it would keep the connection
    // open.
    const int flags = SOCK_CLOEXEC | (tls ? SOCK_NONBLOCK : 0);
    const int accepted = ::accept4(listener_, address, &length, flags);
    if (accepted < 0) {
        const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return full ? make_room() : errno == EINTR || errno == ECONNABORTED;
    }
    const int socket = out_of_the_way(accepted);
    const net::IpAddress peer = net::IpAddress::of(*address).value_or(net::IpAddress());
    const auto& v4 =
        reinterpret_cast<const sockaddr_in&>(storage);  // the port is at the same place in IPv6
    auto transport = tls ? tls->accept(socket) : std::make_unique<net::Transport>(socket);
    admit(std::make_unique<Connection>(std::move(transport), peer, ntohs(v4.sin_port), rules_,
                                       budget_));
    return true;
}

void Acceptor::admit(std::unique_ptr<Connection> connection) {
    waiting_since_ms_ = 0;
    const net::IpAddress& peer = connection->peer();
    const Lock lock(all_);
    const std::size_t held = all_.add(*connection, lock);
    if (!rules_.is_proxy(peer) && !rules_.admits(peer)) {
        connection->refuse(ErrorCode::kForbidden, "this address may not send");
    } else if (limits_.per_address > 0 && held > limits_.per_address && rules_.counts(peer) &&
               !make_room_for(peer.holder(), lock)) {
        connection->refuse(ErrorCode::kBusy, "too many connections from this address");
    } else {
        return all_.put_idle(std::move(connection), lock, /*is_new=*/true);
    }
    all_.end(std::move(connection), lock);
}

/// Evict the connection that is cheapest to lose. Returns whether a new one can be accepted in its
/// place.
bool Acceptor::make_room() {
    pollfd newcomer{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&newcomer, 1, 0) <= 0) return false;  // evict only when a client waits
    const Lock lock(all_);
    if (evict_one(lock)) return true;
    // Stop listening until another connection becomes idle or ends: the listener would be announced
    // again at once.
    poll_.pause_listening();
    return false;
}

/// Evict the longest silent connections of an address that are between two requests. Several at
/// once, because finding them among all connections takes time, and a client can make us do it.
/// Returns whether there is room now.
bool Acceptor::make_room_for(const net::IpAddress& holder, const Lock& lock) {
    const std::int64_t long_ago = base::steady_ms() - kNewcomerMs;
    const std::size_t most = std::max<std::size_t>(1, limits_.per_address / kPartOfAnAddress);
    bool has_room = false;
    for (auto& idle : all_.idle(lock).evict_longest_idle_of(holder, long_ago, most)) {
        has_room = evict_if_silent(std::move(idle), lock) || has_room;
    }
    return has_room;
}

bool Acceptor::evict_one(const Lock& lock) {
    const std::int64_t now = base::steady_ms();
    const std::int64_t long_ago = now - kNewcomerMs;
    IdleConnections& idle = all_.idle(lock);
    while (std::unique_ptr<Connection> longest_idle = idle.evict_longest_idle(long_ago)) {
        if (evict_if_silent(std::move(longest_idle), lock)) return true;
    }
    // Good clients send their requests quickly, so the ones that wait longest belong to a flood.
    if (std::unique_ptr<Connection> slowest = idle.remove_slowest(long_ago)) {
        slowest->refuse(ErrorCode::kBusy, "too many connections, and this one was the slowest");
        static_cast<void>(slowest->close(now));
        all_.forget(std::move(slowest), lock);
        return true;
    }
    // All are busy or have just connected, so a silent client among them is a good one between two
    // alerts. The new client waits for a while before the longest silent connection is evicted for
    // it.
    if (waiting_since_ms_ == 0) waiting_since_ms_ = now;
    if (waiting_since_ms_ > long_ago) return false;
    std::unique_ptr<Connection> oldest = idle.remove_oldest();
    return oldest && evict_if_silent(std::move(oldest), lock);
}

/// Evict a connection. Returns false when it has sent something that was not seen yet: it becomes
/// ready instead.
bool Acceptor::evict_if_silent(std::unique_ptr<Connection> connection, const Lock& lock) {
    if (connection->stage() != Connection::Stage::kClosing && connection->has_unread()) {
        all_.put_ready(std::move(connection), lock);
        return false;
    }
    all_.forget(std::move(connection), lock);
    return true;
}

}  // namespace incm::http
