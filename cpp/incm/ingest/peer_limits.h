#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "incm/net/ip_address.h"

namespace incm::ingest {

/// Whose requests share one allowance: an IPv4 address, or the /64 network of an IPv6 one, of which
/// one subscriber has all.
///
/// Shape:   "203.0.113.7", "2001:db8:0:1::/64".
/// Threads: any.
[[nodiscard]] std::string source_of(const net::IpAddress& peer);

/// Says how many requests of unknown senders are kept: kBurst at once of one source and then one
/// each kIntervalMs, and of all sources together kBurstOfAll and then one each kIntervalOfAllMs.
///
/// The last ones bound what a flood from many addresses writes to the disk.
/// Shape:   knows kMaxSources; the one that was not seen for the longest time is forgotten first.
/// Units:   milliseconds of the monotonic clock.
/// Threads: any.
/// Source:  own choice: a power cut across a fleet makes some hundred alerts at once, a sender
///          tries each three times, and a mistyped secret must cost none of them.
class PeerLimits {
 public:
    static constexpr std::int64_t kBurst = 100;
    static constexpr std::int64_t kIntervalMs = 6'000;
    static constexpr std::int64_t kBurstOfAll = 1'000;
    static constexpr std::int64_t kIntervalOfAllMs = 100;
    static constexpr std::size_t kMaxSources = 4096;

    PeerLimits() = default;
    PeerLimits(const PeerLimits&) = delete;
    PeerLimits& operator=(const PeerLimits&) = delete;

    /// Whether one more is kept; it counts then.
    [[nodiscard]] bool admit(const std::string& source, std::int64_t now_ms);

 private:
    /// A bucket by the time at which it is full again.
    struct Source {
        std::string name;
        std::int64_t full_at_ms;
    };
    [[nodiscard]] Source& find(const std::string& name, std::int64_t now_ms);

    std::mutex mutex_;          // protects all below
    std::list<Source> recent_;  // the last seen first
    std::unordered_map<std::string_view, std::list<Source>::iterator> by_name_;  // into recent_
    std::int64_t all_full_at_ms_ = 0;
};

}  // namespace incm::ingest
