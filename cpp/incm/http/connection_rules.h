#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// Told of each request that was refused before a handler saw it: the error, and the client.
/// Called from many threads at once; must not throw.
using Refused = std::function<void(const base::Error&, const std::string& client)>;

/// Bytes that requests begun, on all connections together, may take up. Threads: any.
class ByteBudget {
 public:
    explicit ByteBudget(std::size_t limit) : limit_(limit) {}

    /// Change what one holder uses; a growth over the limit changes nothing and is false.
    [[nodiscard]] bool change(std::size_t from, std::size_t to) {
        if (to == from) return true;
        std::size_t used = used_.load(std::memory_order_relaxed);
        do {
            if (to > from && used - from + to > limit_) return false;
        } while (!used_.compare_exchange_weak(used, used - from + to, std::memory_order_relaxed));
        return true;
    }
    /// How much is used of the last eighth, which is there for requests that come whole at once.
    [[nodiscard]] std::size_t excess() const {
        const std::size_t used = used_.load(std::memory_order_relaxed);
        return used - std::min(used, limit_ - limit_ / 8);
    }
    void give_back(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0};
};

/// What a listener's clients may do, and for how long. Units: milliseconds, bytes.
struct ConnectionRules {
    std::size_t max_body_bytes = 1024 * 1024;
    std::int64_t header_timeout_ms = 10'000;  ///< until a head is whole; also of a silent newcomer
    std::int64_t body_timeout_ms = 30'000;    ///< for a whole body, at 1 KiB/s or more after 10 s
    std::int64_t send_timeout_ms = 10'000;    ///< for a peer that takes nothing of an answer
    std::int64_t keep_alive_ms = 620'000;     ///< longest silence between two requests
    std::vector<net::Network> allow;          ///< who may send; empty: everybody
    std::vector<net::Network> uncounted = net::Network::loopback();  ///< may have any number of
                                                                     ///< connections, as proxies
    std::vector<net::Network> proxies;  ///< whose word about the client is taken
    bool proxy_protocol = false;        ///< connections of `proxies` begin with a PROXY header
    std::string health_path;            ///< says whether alerts are taken; "": there is none
    Refused refused;

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

/// How long a body may take in all, in milliseconds, once so many of its bytes have arrived: 10 s,
/// then 1 ms more for each byte, never more than the rules allow.
[[nodiscard]] std::int64_t body_time_ms(const ConnectionRules& rules, std::size_t received);

}  // namespace incm::http
