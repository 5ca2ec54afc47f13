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

/// Put all fresh keys into the index: at a start those that a crash left, at a stop all that are
/// remembered. A transaction of its own. Errors: SqlError, also when a row is cut off.
void index_left_over(Database& database);

/// The dedupe keys, within the writer's transaction; a part of Tables.
///
/// The index of the keys is a tree in their order, and two alerts that come together need not be
/// neighbours in it: a page of it would be written for each alert. So the keys of a transaction's
/// new alerts are stored together, as one row of the table `fresh`, and remembered here. The index
/// gets many keys at a time, in their order, with later transactions; then they leave `fresh`.
///
/// Keys begin with the time of the alert, in seconds, as a rule. So those of new alerts fall into
/// the gap that the index has between the last seconds and the future, and nothing is read to see
/// that they are new. What is taken for the gap stays one: nothing leaves the index, and the gap
/// is narrowed before a key in it gets there.
///
/// What is remembered changes with committed() and rolled_back(), as the file does.
/// Errors:  SqlError. Threads: the writer's.
class DedupeIndex {
 public:
    struct Seen {
        std::int64_t alert_id;  ///< the latest alert with the key
        std::int64_t at_ms;     ///< inbox clock
    };

    /// Every key in the file is in the index (see index_left_over).
    explicit DedupeIndex(Database& database);

    [[nodiscard]] std::optional<Seen> find(const base::Digest& key);
    /// Remember a key whose alert this transaction stores. Within one, numbers are consecutive, and
    /// the time is the same: what is stored says only the first.
    void add(const base::Digest& key, Seen seen);

    /// Store what was added, and give the index its share of keys, if there are enough for one.
    /// Before the COMMIT of what was added. now_ms: inbox clock.
    void write(std::int64_t now_ms);

    /// last_alert_id: the last one that is stored now.
    void committed(std::int64_t last_alert_id) noexcept;
    void rolled_back() noexcept;

 private:
    using Entry = std::pair<base::Digest, Seen>;
    struct Added {
        base::Digest key;
        Seen seen;
        std::optional<Seen> earlier;  ///< what was remembered of the key
    };
    /// A key ends with bytes of a digest.
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

    // No key of the index is between these two; there is no gap when they are equal. Either may be
    // a key of a transaction that was rolled back.
    base::Digest gap_begin_{};
    base::Digest gap_end_{};
    base::Digest soon_{};  ///< an hour after the gap was looked for; zero before the first time

    std::unordered_map<base::Digest, Seen, Hash> latest_;
    std::vector<Added> added_;

    std::vector<Entry> leaving_;  ///< for the index, in the order of keys
    std::size_t indexed_ = 0;     ///< of them are in the index
    std::size_t indexing_ = 0;    ///< of them are put there by this transaction
    std::int64_t leaving_up_to_ = 0;
    std::size_t since_share_ = 0;  ///< keys that came since the index got its last share
};

}  // namespace incm::inbox::sqlite
