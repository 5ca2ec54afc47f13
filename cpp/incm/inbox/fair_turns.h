#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "incm/inbox/device_lanes.h"

namespace incm::inbox {

/// Mix retries and first attempts in fair turns.
///
/// Shape:   up to `limit` deliveries. Retries get at most half of the places, but at least one,
///          while there are first attempts; places that one kind leaves, the other fills. With
///          room for one, retry_first decides. The kinds alternate, each in its own order.
/// Threads: any.
[[nodiscard]] std::vector<DeviceLanes::Candidate> mix(
    std::span<const DeviceLanes::Candidate> retries, std::span<const DeviceLanes::Candidate> fresh,
    std::size_t limit, bool retry_first);

}  // namespace incm::inbox
