#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/sqlite/reader.h"

namespace incm::inbox::sqlite {

/// Picks the next deliveries of one plugin, in one snapshot of the rows.
///
/// Its cost depends on the deliveries that it returns and the rows that are new since the last
/// selection: each new row is read once, and deliveries that wait for their device or their time
/// are not read. A long search for the next delivery is split over several selections. A selection
/// ends when there is no room for the text of the next delivery among the fetched ones.
/// Errors:  SqlError, bad_alloc: nothing is picked.
/// Threads: the holder of queue.selecting().
class Selection {
 public:
    using Picks = std::vector<DeliveryQueue::Pick>;

    /// Call begin_selection() first, and take the snapshot after it. The references must outlive
    /// this object.
    Selection(DeliveryQueue& queue, Reader& reader, std::int64_t now_ms, const Wanted& wanted);

    /// Pick up to the wanted number, in the order in which they are returned; plugin and key are
    /// empty.
    [[nodiscard]] Picks run();
    /// Valid when none was picked: whether another selection may find some at once.
    [[nodiscard]] bool unfinished() const noexcept { return unfinished_; }
    /// Valid when none was picked: when the next delivery is due, by the inbox clock; kNever: none
    /// is known.
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
    bool full_ = false;                                ///< there is no room for the next one
    std::int64_t bytes_read_ = 0;                      ///< by the scan
    std::unordered_map<std::int64_t, Delivery> read_;  ///< by the scan, which has the row at hand
    bool unfinished_ = false;
    std::int64_t next_due_ms_ = Reader::kNever;
};

}  // namespace incm::inbox::sqlite
