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

/// What a delivery's row says of its turn.
struct Turn {
    std::int64_t alert_id;
    std::int64_t attempts;   ///< made before
    std::int64_t due_at_ms;  ///< inbox clock; means nothing before the first attempt
};

/// Keeps one device's alerts in order and lets different devices pass each other.
///
/// A device's lane is busy while one of its alerts is under way; the others wait behind its first
/// one, by their numbers only (8 bytes each). Only the first one of a lane is looked at: it is to
/// go (never attempted), is due at a time, or its row is to be read again. Alerts of no device have
/// no lane. Numbers are hints: a row may have gone meanwhile, and a number may be there twice.
/// Threads: one at a time.
/// Source:  docs/inbox.md, Selection.
class DeviceLanes {
 public:
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    struct Lane;
    /// Where the first one of a lane waits.
    enum class Place { kFresh, kTimed, kUnknown };
    struct Candidate {
        Place place;
        std::int64_t due_at_ms;  ///< of kTimed, else 0
        std::int64_t alert_id;
        Lane* lane;  ///< null: of no device
    };

    /// An open delivery that is not under way. device: empty for none. Errors: bad_alloc; nothing
    /// has changed then, as with all methods here.
    void found(const std::string& device, const Turn& turn);

    /// Up to `limit` of those whose rows are to be read again, for correct().
    [[nodiscard]] std::vector<Candidate> unknown(std::size_t limit) const;
    /// Up to `limit` that are due at now_ms, longest due first.
    [[nodiscard]] std::vector<Candidate> due(std::int64_t now_ms, std::size_t limit) const;
    /// When the first one is due that waits for a time, or was due; kNever: none.
    [[nodiscard]] std::int64_t next_due_ms() const;
    /// Up to `limit` never attempted, oldest first.
    [[nodiscard]] std::vector<Candidate> fresh(std::size_t limit) const;
    [[nodiscard]] std::size_t fresh_count() const noexcept;

    /// What the row of a candidate says; turn is empty when there is none, or it is not open.
    void correct(const Candidate& candidate, const std::optional<Turn>& turn);
    /// A candidate is under way now.
    void go(const Candidate& candidate) noexcept;
    /// What was under way is over.
    void over(Lane* lane) noexcept;
    /// What was under way is open again. Its lane or null.
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

/// One device's deliveries. Its place in a queue takes no memory of its own, so that a delivery
/// that ends can move its lane without any.
struct DeviceLanes::Lane {
    const std::string* device = nullptr;
    bool busy = false;
    std::vector<std::int64_t> held;    ///< never attempted, rising, from `first` on
    std::size_t first = 0;             ///< in held
    std::vector<std::int64_t> others;  ///< a heap, lowest first
    std::optional<Place> placed;
    Key key;                ///< when placed
    Queue::node_type node;  ///< when not placed
};

}  // namespace incm::inbox
