#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace incm::inbox {

/// A delivery picked from the rows.
struct Pick {
    std::int64_t alert_id;
    std::int64_t attempts;  ///< made before; 0: fresh
};

/// What memory knows of one plugin's deliveries: which are taken, and who waits for more.
///
/// A retry is found by its row, which stays until its settlement is committed; so the ids in
/// flight are what keeps it from being taken twice. A fresh one is found behind a cursor.
/// Threads: any; methods of a selection only under the one lock of all selections.
class DeliveryQueue {
 public:
    DeliveryQueue(std::string name, std::int64_t id) : name_(std::move(name)), id_(id) {}
    DeliveryQueue(const DeliveryQueue&) = delete;
    DeliveryQueue& operator=(const DeliveryQueue&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::int64_t id() const noexcept { return id_; }

    // -- A selection: begin, read the rows, mark what was picked.

    /// Where it starts.
    struct Start {
        std::vector<std::int64_t> returned;  ///< fresh ones that were given back, oldest first
        std::int64_t cursor;                 ///< all other fresh ones have higher numbers
        bool retry_first;                    ///< whose turn it is when only one can be taken
    };
    /// Forget what was settled and committed, before the snapshot of the rows is taken: an id that
    /// is dropped later might still be a retry in that snapshot.
    [[nodiscard]] Start begin_selection();
    [[nodiscard]] bool in_flight(std::int64_t alert_id) const;
    void mark(std::span<const Pick> picks, std::int64_t lease_id);

    // -- The end of a delivery that was taken.

    struct Taken {
        std::int64_t lease_id;
        std::int64_t attempts;
    };
    /// Claim the right to settle a taken delivery; empty when it is not taken or claimed already.
    [[nodiscard]] std::optional<Taken> claim(std::int64_t alert_id);
    /// Its settlement is committed.
    void release(std::int64_t alert_id);
    /// It can be taken again as if it had not been.
    void put_back(std::int64_t alert_id);

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

    const std::string name_;
    const std::int64_t id_;

    mutable std::mutex mutex_;
    std::condition_variable arrival_;
    std::unordered_map<std::int64_t, Flight> flights_;
    std::vector<std::int64_t> released_;
    std::set<std::int64_t> returned_;
    std::int64_t cursor_ = 0;
    bool retry_first_ = true;
    std::uint64_t version_ = 0;
    int waiting_ = 0;
    bool hurried_ = false;
    bool closed_ = false;
};

}  // namespace incm::inbox
