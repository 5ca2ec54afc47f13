#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/http/access_log.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// Called for each request that is refused before a handler sees it, with the error and the
/// client's address. Called from many threads at once; must not throw.
using Refused = std::function<void(const base::Error&, const std::string& client)>;

/// A limit on the bytes that all unfinished requests use together, over all connections.
///
/// Threads: any.
class ByteBudget {
 public:
    explicit ByteBudget(std::size_t limit) : limit_(limit) {}

    /// Change the use of one holder from `from` to `to` bytes. Returns false, and changes nothing,
    /// when the total would exceed the limit.
    [[nodiscard]] bool change(std::size_t from, std::size_t to) {
        if (to == from) return true;
        std::size_t used = used_.load(std::memory_order_relaxed);
        do {
            if (to > from && used - from + to > limit_) return false;
        } while (!used_.compare_exchange_weak(used, used - from + to, std::memory_order_relaxed));
        return true;
    }
    /// How many bytes of the last eighth are used. That eighth is reserved for requests that arrive
    /// all at once.
    [[nodiscard]] std::size_t excess() const {
        const std::size_t used = used_.load(std::memory_order_relaxed);
        return used - std::min(used, limit_ - limit_ / 8);
    }
    void give_back(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0};
};

/// What the clients of a listener may do, and for how long. Units: milliseconds, bytes.
struct ConnectionRules {
    std::size_t max_body_bytes = 1024 * 1024;
    std::int64_t header_timeout_ms = 10'000;  ///< for a complete head, also of a new connection
    std::int64_t body_timeout_ms = 30'000;  ///< for a complete body; after 10 s at 1 KiB/s or more
    std::int64_t send_timeout_ms = 10'000;  ///< while the peer accepts nothing of an answer
    std::int64_t keep_alive_ms = 620'000;   ///< longest silence between two requests
    std::vector<net::Network> allow;        ///< clients that may send; empty: everybody
    /// Addresses that may have any number of connections, as proxies may.
    std::vector<net::Network> uncounted = net::Network::loopback();
    std::vector<net::Network> proxies;  ///< trusted to report the address of the client
    bool proxy_protocol = false;        ///< connections of `proxies` begin with a PROXY header
    std::string health_path;            ///< path that answers whether alerts are taken; "": none
    Refused refused;
    AccessLog* access = nullptr;  ///< outlives the listener and its answers; null: no access log

    [[nodiscard]] bool is_proxy(const net::IpAddress& peer) const { return holds(proxies, peer); }
    [[nodiscard]] bool counts(const net::IpAddress& peer) const {
        return !is_proxy(peer) && !holds(uncounted, peer);
    }
    [[nodiscard]] bool admits(const net::IpAddress& client) const {
        return allow.empty() || holds(allow, client);
    }

 private:
    static bool holds(const std::vector<net::Network>& networks, const net::IpAddress& address) {
        return std::ranges::any_of(networks, [&](auto& one) { return one.contains(address); });
    }
};

/// Return how long a body may take in total, in milliseconds, when `received` of its bytes have
/// arrived: 10 s plus 1 ms for each byte, but never more than the rules allow.
[[nodiscard]] std::int64_t body_time_ms(const ConnectionRules& rules, std::size_t received);

}  // namespace incm::http
