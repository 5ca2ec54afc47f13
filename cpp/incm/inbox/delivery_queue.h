#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "incm/inbox/device_lanes.h"
#include "incm/inbox/records.h"
#include "incm/inbox/taken_bytes.h"

namespace incm::inbox {

/// What one fetch() may have.
struct Wanted {
    std::size_t deliveries;  ///< 0 means 1
    std::size_t retries;     ///< that are under way then, with those of other calls
};

/// What memory knows of one plugin's deliveries: which are taken, which come next, and who waits
/// for more.
///
/// Rows below the cursor are known: a number of each is in the lanes, or it is under way. Only the
/// retries of a plugin that is not by_device are found by their rows instead, in the order in which
/// they are due; what is under way is passed over.
/// Threads: any; the methods of a selection only by the holder of selecting().
class DeliveryQueue final : public RoomWaiter {
 public:
    /// all must outlive it, and wakes it from now on.
    DeliveryQueue(const PluginOptions& plugin, std::int64_t id, TakenBytes& all)
        : name_(plugin.name), id_(id), by_device_(plugin.by_device), all_(all) {
        all_.add(*this);
    }
    DeliveryQueue(const DeliveryQueue&) = delete;
    DeliveryQueue& operator=(const DeliveryQueue&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::int64_t id() const noexcept { return id_; }
    [[nodiscard]] bool by_device() const noexcept { return by_device_; }

    // -- A selection.

    [[nodiscard]] std::mutex& selecting() noexcept { return selecting_; }
    /// Learn what has ended, before the snapshot of the rows is taken: what ends later may still be
    /// open in that snapshot.
    void begin_selection();
    /// Rows that were offered and are to be looked at: taken off the end as they are.
    [[nodiscard]] std::vector<std::int64_t>& offered() noexcept { return looking_at_; }
    [[nodiscard]] DeviceLanes& lanes() noexcept { return lanes_; }
    /// Fresh ones that were not looked at are above it.
    [[nodiscard]] std::int64_t cursor() const noexcept { return cursor_; }
    void move_cursor(std::int64_t alert_id) noexcept { cursor_ = alert_id; }
    /// Whose turn it is when only one can be taken.
    [[nodiscard]] bool retry_first() const noexcept { return retry_first_; }
    [[nodiscard]] bool is_taken(std::int64_t alert_id) const;
    /// How many that were attempted before are taken.
    [[nodiscard]] std::size_t retries_taken() const;

    /// A delivery that was picked, and where it waited; empty when it was found by its row.
    struct Pick {
        std::optional<DeviceLanes::Candidate> from;
        Delivery delivery;
    };
    /// They are under way now; false when another plugin took the room for their texts meanwhile.
    /// Errors: bad_alloc. None is under way then.
    [[nodiscard]] bool mark(std::span<const Pick> picks, std::int64_t lease_id);
    /// What may be taken: so many bytes of text, or one delivery however large.
    struct Room {
        std::int64_t bytes;
        bool one;
    };
    [[nodiscard]] Room room() const;
    /// Whether there is more room than there was. If not, there is an arrival when some is freed.
    [[nodiscard]] bool await_room(const Room& seen);
    /// Wake those who await room, if any do.
    void room_freed() override;

    // -- The end of a delivery that was taken.

    struct Taken {
        std::int64_t lease_id;
        std::int64_t attempts;  ///< made before
    };
    /// Claim the right to settle a taken delivery; empty when it is not taken or claimed already.
    [[nodiscard]] std::optional<Taken> claim(std::int64_t alert_id);
    /// Its settlement is committed: there will be no further attempt.
    void over(std::int64_t alert_id) noexcept;
    /// Its settlement is committed: it is due again then, by the inbox clock.
    void again(std::int64_t alert_id, std::int64_t due_at_ms) noexcept;
    /// Its settlement can never be stored: it stays taken, and its device's others go on.
    void set_apart(std::int64_t alert_id) noexcept;
    /// It can be taken again as if it had not been.
    void put_back(std::int64_t alert_id) noexcept;
    /// Rows that are open again, or anew, of which the cursor may know nothing. Leaves the list
    /// empty.
    void offer(std::list<std::vector<std::int64_t>>& alert_ids) noexcept;

    // -- Waiting.

    /// Something may have become due. all: also for those who wait for a later time.
    void arrived(bool all);
    /// Wake everybody, now and for ever. closed: fetch() shall fail.
    void wake(bool closed);
    [[nodiscard]] std::uint64_t version() const;
    [[nodiscard]] bool hurried() const;
    [[nodiscard]] bool closed() const;
    /// Wait until there was an arrival since `version`, a wake() or the deadline.
    void wait(std::uint64_t version, std::chrono::steady_clock::time_point deadline);

 private:
    enum class End { kNone, kOver, kAgain, kApart };
    /// A delivery that is taken. Those that ended are a list, which takes no memory: an end may not
    /// fail.
    struct Flight {
        Taken taken;
        DeviceLanes::Lane* lane;
        Turn turn;           ///< when it was taken; after its end the next one
        std::int64_t bytes;  ///< of its text, until it is claimed
        bool claimed = false;
        End end = End::kNone;
        Flight* next_ended = nullptr;
    };

    [[nodiscard]] std::int64_t end(std::int64_t alert_id, End how, const Turn& turn) noexcept;
    [[nodiscard]] std::int64_t let_go(Flight& flight) noexcept;
    void freed(std::int64_t bytes);

    const std::string name_;
    const std::int64_t id_;
    const bool by_device_;
    TakenBytes& all_;

    std::mutex selecting_;
    // Guarded by selecting_:
    DeviceLanes lanes_;
    std::vector<std::int64_t> looking_at_;
    std::int64_t cursor_ = 0;
    bool retry_first_ = true;

    mutable std::mutex mutex_;
    std::condition_variable arrival_;
    std::unordered_map<std::int64_t, Flight> flights_;
    Flight* ended_ = nullptr;
    std::size_t retries_taken_ = 0;
    std::list<std::vector<std::int64_t>> offered_;
    std::int64_t bytes_ = 0;  ///< of those that are taken and not claimed
    std::atomic<bool> awaits_room_{false};
    bool lanes_hold_ = false;  ///< when the last selection ended
    std::uint64_t version_ = 0;
    int waiting_ = 0;
    bool hurried_ = false;
    bool closed_ = false;
};

}  // namespace incm::inbox
