#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace incm::inbox {

/// The columns of a delivery that decide when its turn comes.
struct Turn {
    std::int64_t alert_id;
    std::int64_t attempts;   ///< attempts before this one
    std::int64_t due_at_ms;  ///< inbox clock; has no meaning before the first attempt
};

/// Keeps the alerts of each device in order, and lets alerts of different devices pass each other.
///
/// The lane of a device is busy while one of its alerts is under way. The others wait behind the
/// first one, as numbers only (8 bytes each). Only the first alert of a lane is considered: it can
/// go at once (never attempted), is due at a known time, or its row must be read again. Alerts
/// without a device have no lane. The numbers are hints: the row of a number may have been deleted,
/// and a number may occur twice.
/// Threads: one at a time.
/// Source:  docs/inbox.md, Selection.
class DeviceLanes {
 public:
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    struct Lane;
    /// The queue in which the first alert of a lane waits.
    enum class Place { kFresh, kTimed, kUnknown };
    struct Candidate {
        Place place;
        std::int64_t due_at_ms;  ///< for kTimed, else 0
        std::int64_t alert_id;
        Lane* lane;  ///< null: without a device
    };

    /// Add an open delivery that is not under way. device: empty for none.
    /// Errors:  bad_alloc: nothing has changed, as with every method here.
    void found(const std::string& device, const Turn& turn);

    /// Return up to `limit` candidates whose rows must be read again, for correct().
    [[nodiscard]] std::vector<Candidate> unknown(std::size_t limit) const;
    /// Return up to `limit` candidates that are due at now_ms, longest due first.
    [[nodiscard]] std::vector<Candidate> due(std::int64_t now_ms, std::size_t limit) const;
    /// Return the earliest due time of all that wait for a time, which may be past; kNever: none
    /// waits.
    [[nodiscard]] std::int64_t next_due_ms() const;
    /// Return up to `limit` candidates that were never attempted, oldest first.
    [[nodiscard]] std::vector<Candidate> fresh(std::size_t limit) const;
    [[nodiscard]] std::size_t fresh_count() const noexcept;

    /// Update a candidate from its row; turn is empty when there is no row, or it is not open.
    void correct(const Candidate& candidate, const std::optional<Turn>& turn);
    /// Report that a candidate is under way now.
    void go(const Candidate& candidate) noexcept;
    /// Report that a delivery under way has ended.
    void over(Lane* lane) noexcept;
    /// Report that a delivery under way is open again. lane: its lane, or null.
    void back(Lane* lane, const Turn& turn);

    /// Whether any delivery waits in a lane.
    [[nodiscard]] bool holds_any() const noexcept { return held_ > 0; }

 private:
    using Key = std::pair<std::int64_t, std::int64_t>;  ///< due time or 0, alert
    using Queue = std::map<Key, Lane*>;

    [[nodiscard]] Queue& queue(Place place) noexcept;
    [[nodiscard]] std::vector<Candidate> first_of(Place place, std::size_t limit) const;
    [[nodiscard]] Lane& lane_of(const std::string& device);
    void put(Lane& lane, const Turn& turn);
    void drop_first(Lane& lane, std::int64_t alert_id) noexcept;
    void arrange(Lane& lane, const std::optional<Turn>& known) noexcept;
    void place(Lane& lane, Place place, Key key) noexcept;
    void lift(Lane& lane) noexcept;

    std::unordered_map<std::string, Lane> lanes_;
    std::array<Queue, 3> queues_;
    std::size_t held_ = 0;
};

/// The deliveries of one device. The lane keeps the node of its place in a queue, so that the end
/// of a delivery can move it without allocating memory.
struct DeviceLanes::Lane {
    const std::string* device = nullptr;
    bool busy = false;
    std::vector<std::int64_t> held;    ///< never attempted, in rising order, from `first` on
    std::size_t first = 0;             ///< index into held
    std::vector<std::int64_t> others;  ///< a heap, lowest first
    std::optional<Place> placed;
    Key key;                ///< when placed
    Queue::node_type node;  ///< when not placed
};

}  // namespace incm::inbox
