#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace incm::inbox {

/// Keeps one device's alerts in order and lets different devices pass each other.
///
/// A device's lane is busy while one of its alerts is under way or waits for a retry; its later
/// alerts are held behind it, by their numbers only (8 bytes each). Alerts of no device never meet
/// a lane.
/// Threads: one at a time.
/// Source:  contract section 3, `order = "device"`.
class DeviceLanes {
 public:
    /// A delivery that was attempted before wants to go: true for the oldest one of its lane, when
    /// no other one of it is under way.
    [[nodiscard]] bool admit_retry(const std::string& device, std::int64_t alert_id);
    /// A delivery never attempted wants to go: true occupies the lane, false holds it behind those
    /// that came first. Called with rising numbers for each device.
    [[nodiscard]] bool admit_fresh(const std::string& device, std::int64_t alert_id);
    /// Up to `limit` held deliveries whose turn has come, oldest first; they occupy their lanes.
    [[nodiscard]] std::vector<std::int64_t> next(std::size_t limit);
    /// An admitted delivery that was attempted before does not go now, or waits for a retry.
    void rest(std::int64_t alert_id);
    /// An admitted delivery does not go after all: it is the next one of its lane again.
    void withdraw(std::int64_t alert_id);
    /// An admitted delivery is over. True when another one of its lane can go now.
    bool leave(std::int64_t alert_id);
    /// Forget what is held, to be offered again. Returns the lowest number among it.
    std::optional<std::int64_t> forget_held();

 private:
    struct Lane {
        std::set<std::int64_t> open;    ///< under way or waiting for a retry
        std::deque<std::int64_t> held;  ///< rising
        /// The one of `open` under way; a person may ask for an older one again meanwhile.
        std::optional<std::int64_t> going;
    };
    using Entry = std::pair<const std::string, Lane>;

    void rest(Lane& lane, std::int64_t alert_id);
    void settle(Entry& entry);

    std::unordered_map<std::string, Lane> lanes_;
    std::unordered_map<std::int64_t, Entry*> open_;  ///< lane of each admitted delivery
    std::map<std::int64_t, Entry*> ready_;           ///< first held one of each free lane
};

}  // namespace incm::inbox
