#include "incm/inbox/sqlite/selection.h"

#include <algorithm>
#include <utility>

#include "incm/inbox/fair_turns.h"

namespace incm::inbox::sqlite {

namespace {

/// The work of a few milliseconds.
constexpr std::size_t kMaxLooks = 1024;
constexpr std::size_t kMaxRows = 4096;

std::size_t room_for_retries(const DeliveryQueue& queue, const Wanted& wanted) {
    const std::size_t room = wanted.retries - std::min(wanted.retries, queue.retries_fetched());
    return std::min(room, std::max<std::size_t>(wanted.deliveries, 1));
}

}  // namespace

Selection::Selection(DeliveryQueue& queue, Reader& reader, std::int64_t now_ms,
                     const Wanted& wanted)
    : queue_(queue),
      reader_(reader),
      now_ms_(now_ms),
      limit_(std::max<std::size_t>(wanted.deliveries, 1)),
      most_retries_(room_for_retries(queue, wanted)),
      room_(queue.room()),
      bytes_left_(room_.bytes) {}

Selection::Picks Selection::run() {
    Picks picks;
    if (!look()) {
        unfinished_ = true;
        return picks;
    }
    std::vector<Candidate> retries = due();
    scan(limit_ - std::min(retries.size(), limit_ / 2));
    if (queue_.by_device()) {
        retries = due();  // the scan found retries
    }
    const std::vector<Candidate> fresh = queue_.lanes().fresh(limit_);
    for (const Candidate& candidate : mix(retries, fresh, limit_, queue_.retry_first())) {
        if (!pick(candidate, picks)) {
            unfinished_ = true;  // the lanes were out of date
        }
        if (full_) {
            break;
        }
    }
    if (full_ && picks.empty()) {
        unfinished_ = queue_.await_room(room_);
    }
    return picks;
}

/// Read the rows of offered deliveries, and of the first ones of lanes whose state is unknown.
/// False: more are offered; a later delivery of their device must not go first.
bool Selection::look() {
    DeviceLanes& lanes = queue_.lanes();
    std::vector<std::int64_t>& offered = queue_.offered();
    std::size_t looks = 0;
    for (; !offered.empty(); offered.pop_back()) {
        if (++looks > kMaxLooks) {
            return false;
        }
        const std::int64_t alert_id = offered.back();
        if (queue_.is_fetched(alert_id)) {
            continue;
        }
        reader_.find(queue_.id(), alert_id, now_ms_, [&](const Reader::Row& row) {
            if (queue_.by_device() || row.turn().attempts == 0) {
                lanes.found(queue_.by_device() ? row.device() : std::string(), row.turn());
            }
            return false;
        });
    }
    for (const Candidate& candidate : lanes.unknown(kMaxLooks)) {
        std::optional<Turn> turn;
        reader_.find(queue_.id(), candidate.alert_id, now_ms_, [&](const Reader::Row& row) {
            turn = row.turn();
            return false;
        });
        lanes.correct(candidate, turn);
        unfinished_ = true;  // the next one of its lane may be unknown too
    }
    return true;
}

/// Move the cursor over the rows until this many never attempted deliveries are known.
void Selection::scan(std::size_t wanted) {
    DeviceLanes& lanes = queue_.lanes();
    std::size_t rows = 0;
    if (lanes.fresh_count() >= wanted) {
        return;
    }
    const bool at_end = reader_.scan(
        queue_.id(), queue_.cursor(), now_ms_, !queue_.by_device(), [&](const Reader::Row& row) {
            const Turn turn = row.turn();
            if (!queue_.is_fetched(turn.alert_id)) {
                const std::size_t before = lanes.fresh_count();
                lanes.found(queue_.by_device() ? row.device() : std::string(), turn);
                if (turn.attempts == 0 && lanes.fresh_count() > before &&
                    bytes_read_ + row.text_bytes() <= room_.bytes) {
                    read_.try_emplace(turn.alert_id, row.delivery());
                    bytes_read_ += row.text_bytes();
                }
            }
            queue_.move_cursor(turn.alert_id);
            unfinished_ |= ++rows == kMaxRows;
            return rows < kMaxRows && lanes.fresh_count() < wanted;
        });
    if (at_end) {  // so that the skipped rows are not read again
        queue_.move_cursor(std::max(queue_.cursor(), reader_.last_alert_id()));
    }
}

/// When there is no room for retries, the caller waits for the end of a fetched one, not for a
/// time.
std::vector<DeviceLanes::Candidate> Selection::due() {
    if (most_retries_ == 0) {
        return {};
    }
    if (queue_.by_device()) {
        next_due_ms_ = queue_.lanes().next_due_ms();
        return queue_.lanes().due(now_ms_, most_retries_);
    }
    const Reader::Due due =
        reader_.due(queue_.id(), now_ms_, most_retries_,
                    [&](std::int64_t alert_id) { return queue_.is_fetched(alert_id); });
    next_due_ms_ = due.next_due_ms;
    std::vector<Candidate> retries;
    retries.reserve(due.turns.size());
    for (const Turn& turn : due.turns) {
        retries.push_back({DeviceLanes::Place::kTimed, turn.due_at_ms, turn.alert_id, nullptr});
    }
    return retries;
}

/// False when the row shows that it is not its turn.
bool Selection::pick(const Candidate& candidate, Picks& picks) {
    const bool by_row = !queue_.by_device() && candidate.place == DeviceLanes::Place::kTimed;
    const std::optional<Candidate> from = by_row ? std::nullopt : std::optional(candidate);
    const auto read = read_.find(candidate.alert_id);
    if (read != read_.end()) {
        if (fits(static_cast<std::int64_t>(read->second.text.size()), picks)) {
            picks.push_back({from, std::move(read->second)});
        }
        return true;
    }
    std::optional<Turn> turn;
    bool picked = false;
    if (!queue_.is_fetched(candidate.alert_id)) {
        reader_.find(queue_.id(), candidate.alert_id, now_ms_, [&](const Reader::Row& row) {
            turn = row.turn();
            picked = goes(candidate, *turn);
            if (picked && fits(row.text_bytes(), picks)) {
                picks.push_back({from, row.delivery()});
            }
            return false;
        });
    }
    if (!picked && from) {
        queue_.lanes().correct(candidate, turn);
    }
    return picked;
}

/// Reserve room for a text; false when there is none. The first delivery of all always has room.
bool Selection::fits(std::int64_t bytes, const Picks& picks) noexcept {
    full_ = bytes > bytes_left_ && !(picks.empty() && room_.one);
    if (!full_) {
        bytes_left_ -= bytes;
    }
    return !full_;
}

bool Selection::goes(const Candidate& candidate, const Turn& turn) const noexcept {
    return candidate.place == DeviceLanes::Place::kFresh
               ? turn.attempts == 0
               : turn.attempts > 0 && turn.due_at_ms == candidate.due_at_ms;
}

}  // namespace incm::inbox::sqlite
