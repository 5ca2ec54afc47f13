#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/bulk_insert.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Move all recent keys into the index, in a transaction of its own: at a start the keys that a
/// crash left, at a stop all that are in memory.
/// Errors:  SqlError, also when a row is cut off.
void index_left_over(Database& database);

/// Finds and stores dedupe keys, within the writer's transaction; a part of Tables.
///
/// The index is a tree in the order of the keys, and alerts that arrive together need not be
/// neighbours in it: each alert would cost the write of a page. So the keys of the new alerts of a
/// transaction are stored together, as one row of the table `fresh`, and kept in memory. Later
/// transactions move many keys at a time, in their order, from `fresh` into the index.
///
/// As a rule, a key begins with the time of the alert in seconds. So the keys of new alerts fall
/// into the gap of the index between the last seconds and the future, and a key in the gap is known
/// to be new without reading the index. The gap stays valid: no key leaves the index, and the gap
/// is narrowed before a key inside of it is put into the index.
///
/// The memory follows the file with committed() and rolled_back().
/// Errors:  SqlError.
/// Threads: the writer's.
class DedupeIndex {
 public:
    struct Seen {
        std::int64_t alert_id;  ///< the latest alert with the key
        std::int64_t at_ms;     ///< inbox clock
    };

    /// Every key in the file must be in the index (see index_left_over).
    explicit DedupeIndex(Database& database);

    [[nodiscard]] std::optional<Seen> find(const base::Digest& key);
    /// Add the key of an alert that this transaction stores. Within one transaction numbers are
    /// consecutive and the time is the same, so only the first of them is stored.
    void add(const base::Digest& key, Seen seen);

    /// Store the added keys, and move a share of keys into the index if there are enough. Call it
    /// before COMMIT. now_ms: inbox clock.
    void write(std::int64_t now_ms);

    /// last_alert_id: the last stored alert.
    void committed(std::int64_t last_alert_id) noexcept;
    void rolled_back() noexcept;

 private:
    using Entry = std::pair<base::Digest, Seen>;
    struct Added {
        base::Digest key;
        Seen seen;
        std::optional<Seen> earlier;  ///< what memory had for the key
    };
    /// The last bytes of a key are bytes of a digest, so they serve as a hash.
    struct Hash {
        std::size_t operator()(const base::Digest& key) const noexcept {
            std::size_t hash = 0;
            std::memcpy(&hash, key.data() + key.size() - sizeof hash, sizeof hash);
            return hash;
        }
    };

    void keep_added();
    void index_some(std::int64_t now_ms);
    void begin_to_leave(std::int64_t last_alert_id) noexcept;
    [[nodiscard]] bool is_in_gap(const base::Digest& key) const;
    void find_gap(std::int64_t now_ms);
    void narrow_gap(const base::Digest& key);

    Statement find_, keep_, remove_, last_before_, first_from_;
    BulkInsert<Blob, std::int64_t, std::int64_t> index_;  ///< key, alert_id, at_ms

    // No key of the index is between these two; there is no gap when they are equal. Each may be a
    // key of a transaction that was rolled back.
    base::Digest gap_begin_{};
    base::Digest gap_end_{};
    /// When the gap is searched again: one hour after the last search; zero before the first one.
    base::Digest soon_{};

    std::unordered_map<base::Digest, Seen, Hash> latest_;
    std::vector<Added> added_;

    std::vector<Entry> leaving_;  ///< on their way to the index, in the order of keys
    std::size_t indexed_ = 0;     ///< how many of them are in the index
    std::size_t indexing_ = 0;    ///< how many of them this transaction puts there
    std::int64_t leaving_up_to_ = 0;
    std::size_t since_share_ = 0;  ///< keys added since the index got its last share
};

}  // namespace incm::inbox::sqlite
