#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "incm/inbox/device_lanes.h"
#include "incm/inbox/inbox.h"

namespace incm::inbox {

/// What memory knows of one plugin's deliveries: which are taken, and who waits for more.
///
/// A retry is found by its row, which stays until its settlement is committed; so the ids in
/// flight are what keeps it from being taken twice. A fresh one is found behind a cursor, or among
/// those that its device's lane held back.
/// Threads: any; methods of a selection only under the one lock of all selections.
class DeliveryQueue {
 public:
    DeliveryQueue(const PluginOptions& plugin, std::int64_t id)
        : name_(plugin.name), id_(id), by_device_(plugin.by_device) {}
    DeliveryQueue(const DeliveryQueue&) = delete;
    DeliveryQueue& operator=(const DeliveryQueue&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::int64_t id() const noexcept { return id_; }
    [[nodiscard]] bool by_device() const noexcept { return by_device_; }

    // -- A selection: begin, admit rows, mark what was picked or cancel.

    /// Where it starts.
    struct Start {
        std::int64_t cursor;             ///< fresh ones that were not looked at are above it
        bool retry_first;                ///< whose turn it is when only one can be taken
        std::vector<std::int64_t> next;  ///< fresh ones below it whose lane has become free
    };
    /// Forget what was settled and committed, before the snapshot of the rows is taken: an id that
    /// is dropped later might still be a retry in that snapshot.
    [[nodiscard]] Start begin_selection(std::size_t limit);
    /// Whether the delivery of a row may be taken: nobody has it, and its device's lane is free.
    [[nodiscard]] bool admit(std::int64_t alert_id, std::int64_t attempts,
                             const std::string& device);
    /// Picked are taken; left are fresh ones that were admitted and are not taken now; every fresh
    /// row up to cursor was looked at.
    void mark(std::span<const Delivery> picked, std::span<const Delivery> left, std::int64_t cursor,
              std::int64_t lease_id);
    /// A row found at the start, which nobody takes yet, that may hold back its device's later
    /// ones.
    void note_waiting(std::int64_t alert_id, const std::string& device);
    /// The selection failed: nothing of it counts.
    void cancel(const Start& start);

    // -- The end of a delivery that was taken.

    struct Taken {
        std::int64_t lease_id;
        std::int64_t attempts;  ///< made before
    };
    /// Claim the right to settle a taken delivery; empty when it is not taken or claimed already.
    [[nodiscard]] std::optional<Taken> claim(std::int64_t alert_id);
    /// Its settlement is committed. over: there will be no further attempt.
    void release(std::int64_t alert_id, bool over);
    /// It can be taken again as if it had not been.
    void put_back(std::int64_t alert_id);
    /// Rows never attempted were inserted, from this number on, below the cursor perhaps.
    void rewind(std::int64_t alert_id);

    // -- Waiting.

    /// Something may have become due. all: also for those who wait for a later time.
    void arrived(bool all);
    /// Wake everybody, now and for ever. closed: take() shall fail.
    void wake(bool closed);
    [[nodiscard]] std::uint64_t version() const;
    [[nodiscard]] bool hurried() const;
    [[nodiscard]] bool closed() const;
    /// Wait until there was an arrival since `version`, a wake() or the deadline.
    void wait(std::uint64_t version, std::chrono::steady_clock::time_point deadline);

 private:
    struct Flight {
        Taken taken;
        bool claimed;
    };

    void rewind_locked(std::int64_t alert_id);
    void offer_again(std::int64_t alert_id);
    void end_selection();

    const std::string name_;
    const std::int64_t id_;
    const bool by_device_;

    mutable std::mutex mutex_;
    std::condition_variable arrival_;
    std::unordered_map<std::int64_t, Flight> flights_;
    std::vector<std::int64_t> released_;
    DeviceLanes lanes_;                   ///< empty unless by_device_
    std::vector<std::int64_t> selected_;  ///< fresh ones that the selection under way admitted
    std::vector<std::int64_t> retried_;   ///< others that it admitted
    std::int64_t cursor_ = 0;
    bool selecting_ = false;
    std::optional<std::int64_t> rewound_;  ///< to be offered again after the selection under way
    bool retry_first_ = true;
    std::uint64_t version_ = 0;
    int waiting_ = 0;
    bool hurried_ = false;
    bool closed_ = false;
};

}  // namespace incm::inbox
