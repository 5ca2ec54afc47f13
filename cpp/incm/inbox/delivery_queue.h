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
#include "incm/inbox/fetched_bytes.h"
#include "incm/inbox/outages.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// The limits of one fetch().
struct Wanted {
    std::size_t deliveries;  ///< 0 means 1
    std::size_t retries;     ///< limit of retries that are then under way, over all calls
};

/// Keeps the queue of one plugin in memory: which deliveries are fetched, which come next, and
/// which threads wait for more.
///
/// Rows up to the cursor are known: each delivery is under way, or the lanes have its number. There
/// is one exception: the retries of a plugin that is not by_device are found by their rows, in the
/// order in which they are due, and those under way are skipped.
/// Threads: any; only the holder of selecting() may call the methods of a selection.
class DeliveryQueue final : public RoomWaiter {
 public:
    /// `all` must outlive this object, and wakes it from now on.
    DeliveryQueue(const PluginOptions& plugin, std::int64_t id, FetchedBytes& all)
        : name_(plugin.name), id_(id), by_device_(plugin.by_device), all_(all) {
        all_.add(*this);
    }
    DeliveryQueue(const DeliveryQueue&) = delete;
    DeliveryQueue& operator=(const DeliveryQueue&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::int64_t id() const noexcept { return id_; }
    [[nodiscard]] bool by_device() const noexcept { return by_device_; }
    [[nodiscard]] Outages& outages() noexcept { return outages_; }

    // -- A selection.

    [[nodiscard]] std::mutex& selecting() noexcept { return selecting_; }
    /// Apply the ends of deliveries to the lanes. Call it before the snapshot of the rows is taken:
    /// a delivery that ends later may still be open in that snapshot.
    void begin_selection();
    /// The numbers that were offered and are not looked at yet. The selection removes each one from
    /// the end.
    [[nodiscard]] std::vector<std::int64_t>& offered() noexcept { return looking_at_; }
    [[nodiscard]] DeviceLanes& lanes() noexcept { return lanes_; }
    /// The last alert that was looked at; deliveries of later alerts are not known yet.
    [[nodiscard]] std::int64_t cursor() const noexcept { return cursor_; }
    void move_cursor(std::int64_t alert_id) noexcept { cursor_ = alert_id; }
    /// Whether a retry has the next turn when only one delivery can be fetched.
    [[nodiscard]] bool retry_first() const noexcept { return retry_first_; }
    [[nodiscard]] bool is_fetched(std::int64_t alert_id) const;
    /// Whether a delivery is fetched, and its end is not committed.
    [[nodiscard]] bool is_busy() const;
    /// How many retries are fetched now.
    [[nodiscard]] std::size_t retries_fetched() const;

    /// A delivery that was picked, and the place where it waited (empty when it was found by its
    /// row).
    struct Pick {
        std::optional<DeviceLanes::Candidate> from;
        Delivery delivery;
    };
    /// Mark deliveries as under way. False when another plugin has just taken the room for their
    /// texts.
    /// Errors:  bad_alloc: none is marked.
    [[nodiscard]] bool mark(std::span<const Pick> picks, std::int64_t lease_id);
    /// How much text may be fetched: this many bytes, or one delivery of any size.
    struct Room {
        std::int64_t bytes;
        bool one;
    };
    [[nodiscard]] Room room() const;
    /// Whether there is more room than `seen`. If not, an arrival is reported when room is freed.
    [[nodiscard]] bool await_room(const Room& seen);
    /// Wake the threads that wait for room.
    void room_freed() override;

    // -- The end of a delivery that was fetched.

    struct Fetched {
        std::int64_t lease_id;
        std::int64_t attempts;  ///< attempts before this one
    };
    /// Claim the right to settle a fetched delivery; empty when it is not fetched or is already
    /// claimed.
    [[nodiscard]] std::optional<Fetched> claim(std::int64_t alert_id);
    /// Report a committed settlement: there is no further attempt.
    void over(std::int64_t alert_id) noexcept;
    /// Report a committed settlement: the delivery is due again at this time of the inbox clock.
    void again(std::int64_t alert_id, std::int64_t due_at_ms) noexcept;
    /// Report a settlement that can never be stored: the delivery stays fetched, and the other
    /// deliveries of its device continue.
    void set_apart(std::int64_t alert_id) noexcept;
    /// Return a delivery to the queue as if it had not been fetched.
    void put_back(std::int64_t alert_id) noexcept;
    /// Add rows that were opened again or created below the cursor. Leaves the list empty.
    void offer(std::list<std::vector<std::int64_t>>& alert_ids) noexcept;

    // -- Waiting.

    /// Report that a delivery may have become due. all: also wake threads that wait for a later
    /// time.
    void arrived(bool all);
    /// Wake all threads, and let later waits end at once. closed: fetch() fails from now on.
    void wake(bool closed);
    /// Let later waits wait again, unless the queue is closed.
    void rest();
    /// Deliver by device or not from now on, and look at all rows anew. False when a delivery is
    /// under way; nothing has changed then.
    [[nodiscard]] bool reorder(bool by_device);
    [[nodiscard]] std::uint64_t version() const;
    [[nodiscard]] bool woken() const;
    [[nodiscard]] bool closed() const;
    /// Wait for an arrival since `version`, a wake(), or the deadline.
    void wait(std::uint64_t version, std::chrono::steady_clock::time_point deadline);

 private:
    enum class End { kNone, kOver, kAgain, kApart };
    /// A fetched delivery. The ended ones form an intrusive list, which needs no memory, because an
    /// end must not fail.
    struct Flight {
        Fetched fetched;
        DeviceLanes::Lane* lane;
        Turn turn;           ///< as of when it was fetched; after its end, the next one
        std::int64_t bytes;  ///< size of its text, until it is claimed
        bool claimed = false;
        End end = End::kNone;
        Flight* next_ended = nullptr;
    };

    [[nodiscard]] bool busy() const;
    [[nodiscard]] std::int64_t end(std::int64_t alert_id, End how, const Turn& turn) noexcept;
    [[nodiscard]] std::int64_t mark_claimed(Flight& flight) noexcept;
    void freed(std::int64_t bytes);

    const std::string name_;
    const std::int64_t id_;
    std::atomic<bool> by_device_;
    FetchedBytes& all_;
    Outages outages_;

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
    std::size_t retries_fetched_ = 0;
    std::list<std::vector<std::int64_t>> offered_;
    std::int64_t bytes_ = 0;  ///< of the texts of deliveries that are fetched and not claimed
    std::atomic<bool> awaits_room_{false};
    bool lanes_hold_ = false;  ///< as of the end of the last selection
    std::uint64_t version_ = 0;
    int waiting_ = 0;
    bool woken_ = false;
    bool closed_ = false;
};

}  // namespace incm::inbox
