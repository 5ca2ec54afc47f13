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

/// Return the source of a request, all of whose requests share one allowance: an IPv4 address, or
/// the /64 network of an IPv6 address, since one subscriber has the whole /64.
///
/// Shape:   "203.0.113.7", "2001:db8:0:1::/64".
/// Threads: any.
[[nodiscard]] std::string source_of(const net::IpAddress& peer);

/// Limits how many requests of unauthenticated senders are quarantined. Each source may have kBurst
/// at once, then one every kIntervalMs; all sources together may have kBurstOfAll at once, then one
/// every kIntervalOfAllMs.
///
/// The common limit bounds what a flood from many addresses writes to the disk.
///
/// Shape:   tracks kMaxSources sources, and forgets the least recently seen one first.
/// Units:   milliseconds of the monotonic clock.
/// Threads: any.
/// Source:  own choice: a power cut across a fleet causes some hundred alerts at once, a sender
///          tries each of them three times, and a mistyped secret must not lose any.
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

    /// Whether one more request may be quarantined; it is counted if so.
    [[nodiscard]] bool admit(const std::string& source, std::int64_t now_ms);

 private:
    /// A token bucket, described by the time at which it is full again.
    struct Source {
        std::string name;
        std::int64_t full_at_ms;
    };
    [[nodiscard]] Source& find(const std::string& name, std::int64_t now_ms);

    std::mutex mutex_;          // protects all below
    std::list<Source> recent_;  // most recently seen first
    std::unordered_map<std::string_view, std::list<Source>::iterator> by_name_;  // into recent_
    std::int64_t all_full_at_ms_ = 0;
};

}  // namespace incm::ingest
