#include "incm/inbox/sqlite/dedupe_index.h"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <tuple>

namespace incm::inbox::sqlite {

namespace {

/// This many keys of one second share pages of the index well, and a start indexes twice as many in
/// a few milliseconds.
constexpr std::size_t kGeneration = 4096;
/// After this many new keys the index gets twice as many, so that one generation is in the index
/// before the next one is complete.
constexpr std::size_t kShareEvery = 64;

constexpr std::size_t kKeyBytes = std::tuple_size_v<base::Digest>;
constexpr const char* kIndex = "INSERT OR REPLACE INTO seen(key, alert_id, at_ms) VALUES";
constexpr const char* kIndexRow = "(?, ?, ?)";

constexpr std::int64_t kHourMs = 3'600'000;  ///< the platform's clock may be ahead

constexpr base::Digest kFirst{};
constexpr base::Digest kLast = [] {
    base::Digest all{};
    all.fill(0xFF);
    return all;
}();

/// Return the lowest of the keys that begin with this time.
base::Digest first_key_of(std::int64_t seconds) {
    base::Digest key{};
    for (std::size_t i = 0; i < 4; ++i) {
        key[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
    }
    return key;
}

/// Return the key of a row, or `none` when there is no row.
base::Digest key_of(Rows rows, const base::Digest& none) {
    const std::string_view bytes = rows.next() ? rows.bytes(0) : std::string_view();
    base::Digest key = none;
    std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
    return key;
}

bool before(const std::pair<base::Digest, DedupeIndex::Seen>& one, const base::Digest& key) {
    return one.first < key;
}

}  // namespace

void index_left_over(Database& database) {
    Transaction transaction(database, true);
    // In the order of numbers, so that the later one of two alerts with one key stays.
    Statement kept(database,
                   "SELECT first_alert_id, at_ms, keys FROM fresh ORDER BY first_alert_id");
    BulkInsert<Blob, std::int64_t, std::int64_t> index(database, kIndex, kIndexRow);
    bool is_any = false;
    {
        Rows rows = kept.query();
        for (; rows.next(); is_any = true) {
            const std::string_view keys = rows.bytes(2);
            if (keys.size() % kKeyBytes != 0) {
                throw SqlError::contradiction("the fresh dedupe keys are cut off");
            }
            for (std::size_t i = 0; i < keys.size() / kKeyBytes; ++i) {
                index.add(Blob{keys.substr(i * kKeyBytes, kKeyBytes)},
                          rows.integer(0) + static_cast<std::int64_t>(i), rows.integer(1));
            }
            index.write();
        }
    }
    if (is_any) {
        database.execute("DELETE FROM fresh");
        transaction.commit();
    }
}

DedupeIndex::DedupeIndex(Database& database)
    : find_(database, "SELECT alert_id, at_ms FROM seen WHERE key = ?1"),
      keep_(database, "INSERT INTO fresh(first_alert_id, at_ms, keys) VALUES (?1, ?2, ?3)"),
      remove_(database, "DELETE FROM fresh WHERE first_alert_id <= ?1"),
      last_before_(database, "SELECT max(key) FROM seen WHERE key < ?1"),
      first_from_(database, "SELECT min(key) FROM seen WHERE key >= ?1"),
      index_(database, kIndex, kIndexRow) {}

std::optional<DedupeIndex::Seen> DedupeIndex::find(const base::Digest& key) {
    if (const auto latest = latest_.find(key); latest != latest_.end()) {
        return latest->second;
    }
    const auto leaving = std::lower_bound(leaving_.begin(), leaving_.end(), key, before);
    if (leaving != leaving_.end() && leaving->first == key) {
        return leaving->second;
    }
    if (is_in_gap(key)) {
        return std::nullopt;
    }
    Rows rows = find_.query(blob_of(key));
    if (!rows.next()) {
        return std::nullopt;
    }
    return Seen{rows.integer(0), rows.integer(1)};
}

void DedupeIndex::add(const base::Digest& key, Seen seen) {
    const auto earlier = latest_.find(key);
    // Record the undo first, because there may be no memory for the second step.
    added_.push_back(
        {key, seen, earlier == latest_.end() ? std::nullopt : std::optional(earlier->second)});
    latest_.insert_or_assign(key, seen);
}

void DedupeIndex::write(std::int64_t now_ms) {
    if (soon_ == base::Digest{}) {
        find_gap(now_ms);
    }
    keep_added();
    index_some(now_ms);
}

void DedupeIndex::keep_added() {
    if (added_.empty()) {
        return;
    }
    std::string keys;
    keys.reserve(added_.size() * kKeyBytes);
    for (const Added& added : added_) {
        keys.append(blob_of(added.key).bytes);
    }
    keep_.run(added_.front().seen.alert_id, added_.front().seen.at_ms, Blob{keys});
}

void DedupeIndex::index_some(std::int64_t now_ms) {
    const std::size_t came = since_share_ + added_.size();
    const std::size_t share = came >= kShareEvery ? 2 * came : 0;
    indexing_ = std::min(share, leaving_.size() - indexed_);
    if (indexing_ > 0 && indexed_ == 0) {
        find_gap(now_ms);
    }
    for (std::size_t i = 0; i < indexing_; ++i) {
        const auto& [key, seen] = leaving_[indexed_ + i];
        narrow_gap(key);
        index_.add(blob_of(key), seen.alert_id, seen.at_ms);
    }
    index_.write();
    if (indexing_ > 0 && indexed_ + indexing_ == leaving_.size()) {
        remove_.run(leaving_up_to_);
    }
}

bool DedupeIndex::is_in_gap(const base::Digest& key) const {
    return gap_begin_ < key && key < gap_end_;
}

/// Keys that do not begin with a time can be anywhere, so there is no single last key.
void DedupeIndex::find_gap(std::int64_t now_ms) {
    const base::Digest soon = first_key_of((now_ms + kHourMs) / 1000);
    const base::Digest begin = key_of(last_before_.query(blob_of(soon)), kFirst);
    gap_end_ = key_of(first_from_.query(blob_of(soon)), kLast);
    gap_begin_ = begin;
    soon_ = soon;
}

void DedupeIndex::narrow_gap(const base::Digest& key) {
    if (is_in_gap(key)) {
        (key < soon_ ? gap_begin_ : gap_end_) = key;
    }
}

void DedupeIndex::committed(std::int64_t last_alert_id) noexcept {
    since_share_ = indexing_ > 0 ? 0 : since_share_ + added_.size();
    added_.clear();
    indexed_ += std::exchange(indexing_, 0);
    if (indexed_ < leaving_.size()) {
        return;
    }
    if (!leaving_.empty()) {
        leaving_.clear();
        indexed_ = 0;
    }
    if (latest_.size() >= kGeneration) {
        begin_to_leave(last_alert_id);
    }
}

void DedupeIndex::begin_to_leave(std::int64_t last_alert_id) noexcept {
    try {
        leaving_.assign(latest_.begin(), latest_.end());
    } catch (const std::bad_alloc&) {
        leaving_.clear();  // the next commit tries again
        return;
    }
    std::ranges::sort(leaving_, {}, &Entry::first);
    latest_.clear();
    leaving_up_to_ = last_alert_id;
    since_share_ = 0;
}

void DedupeIndex::rolled_back() noexcept {
    for (auto added = added_.rbegin(); added != added_.rend(); ++added) {
        if (added->earlier) {
            latest_.find(added->key)->second = *added->earlier;
        } else {
            latest_.erase(added->key);
        }
    }
    added_.clear();
    index_.forget();
    indexing_ = 0;
}

}  // namespace incm::inbox::sqlite
