#pragma once

#include <cerrno>
#include <cstdint>

#include <sys/epoll.h>

#include "incm/base/clock.h"

namespace incm::http {

// What the files of ConnectionManager share.

inline constexpr std::uint64_t kListenerMark = UINT64_MAX;
inline constexpr std::int64_t kNewcomerMs = 250;  ///< to say what it came for, when others want its
                                                  ///< place

/// Steady milliseconds.
inline std::int64_t now_ms() {
    return base::now().steady_ms;
}

/// Change what an epoll instance waits for at a descriptor; one that it does not know is added.
inline void watch(int epoll, int operation, int descriptor, std::uint32_t events,
                  std::uint64_t mark) {
    epoll_event event{.events = events, .data = {.u64 = mark}};
    const bool unknown = ::epoll_ctl(epoll, operation, descriptor, &event) != 0 && errno == ENOENT;
    if (unknown) ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace incm::http
