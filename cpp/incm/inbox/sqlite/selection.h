#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/sqlite/reader.h"

namespace incm::inbox::sqlite {

/// Picks the deliveries of one plugin that are next, in one snapshot of the rows.
///
/// It costs what it hands out and what has become known since the last one: rows that arrived are
/// read once, and deliveries that wait for their device or their time not at all. A long way to the
/// next one is made in several selections. It ends where the next one has no room among the texts
/// that are taken.
/// Errors:  SqlError, bad_alloc; nothing is picked then. Threads: the holder of queue.selecting().
class Selection {
 public:
    using Picks = std::vector<DeliveryQueue::Pick>;

    /// begin_selection() is done, and the snapshot taken after it. The references must outlive it.
    Selection(DeliveryQueue& queue, Reader& reader, std::int64_t now_ms, const Wanted& wanted);

    /// Up to what is wanted, in the order in which they are handed out; without plugin and key.
    [[nodiscard]] Picks run();
    /// When none was picked: whether another selection may find some at once.
    [[nodiscard]] bool unfinished() const noexcept { return unfinished_; }
    /// When none was picked: when the next one is due; inbox clock, kNever: not known of any.
    [[nodiscard]] std::int64_t next_due_ms() const noexcept { return next_due_ms_; }

 private:
    using Candidate = DeviceLanes::Candidate;

    [[nodiscard]] bool look();
    void scan(std::size_t wanted);
    [[nodiscard]] std::vector<Candidate> due();
    [[nodiscard]] bool pick(const Candidate& candidate, Picks& picks);
    [[nodiscard]] bool fits(std::int64_t bytes, const Picks& picks) noexcept;
    [[nodiscard]] bool goes(const Candidate& candidate, const Turn& turn) const noexcept;

    DeliveryQueue& queue_;
    Reader& reader_;
    const std::int64_t now_ms_;
    const std::size_t limit_;
    const std::size_t most_retries_;
    const DeliveryQueue::Room room_;
    std::int64_t bytes_left_;                          ///< of the room
    bool full_ = false;                                ///< the next one has no room
    std::int64_t bytes_read_ = 0;                      ///< by the scan
    std::unordered_map<std::int64_t, Delivery> read_;  ///< by the scan, which is at the row
    bool unfinished_ = false;
    std::int64_t next_due_ms_ = Reader::kNever;
};

}  // namespace incm::inbox::sqlite
