#include "incm/inbox/sqlite/quarantine_table.h"

#include <algorithm>
#include <string>

namespace incm::inbox::sqlite {

namespace {

/// Return a statement that deletes the oldest request of the source with the largest value of
/// `most`, if that is more than ?1; else the oldest request of all. It never deletes an authentic
/// one.
std::string remove_of_largest(const std::string& most) {
    const std::string hostile = "FROM quarantine WHERE kind <> 'not-json'";
    return "DELETE FROM quarantine WHERE id = coalesce((SELECT min(id) " + hostile +
           " AND source = (SELECT source " + hostile + " GROUP BY source HAVING " + most +
           " > ?1 ORDER BY " + most + " DESC LIMIT 1)), (SELECT min(id) " + hostile +
           ")) RETURNING kind, length(body)";
}

std::string_view cut(std::string_view text, std::size_t size) {
    return text.substr(0, size);
}

}  // namespace

QuarantineTable::QuarantineTable(Database& database)
    : database_(database),
      count_(database, "SELECT kind, count(*) FROM quarantine GROUP BY kind"),
      insert_(database,
              "INSERT INTO quarantine(kind, received_at_ms, endpoint, peer, source, signature,"
              " content_type, reason, identity, body)"
              " VALUES (?1, ?2, ?3, ?4, ?5, iif(?10, ?6, NULL), ?7, ?8, nullif(?9, x''), ?11)"
              " ON CONFLICT DO NOTHING"),
      size_(database,
            "SELECT count(*), total(length(body)) FROM quarantine WHERE (kind = 'not-json') = ?1"),
      remove_(database, "DELETE FROM quarantine WHERE id = ?1 RETURNING kind, length(body)"),
      remove_authentic_(database,
                        "DELETE FROM quarantine WHERE id = (SELECT min(id) FROM quarantine"
                        " WHERE kind = 'not-json') RETURNING kind, length(body)"),
      remove_by_count_(database, remove_of_largest("count(*)")),
      remove_by_bytes_(database, remove_of_largest("sum(length(body))")) {}

Quarantined QuarantineTable::count() {
    Quarantined kept;
    Rows rows = count_.query();
    while (rows.next()) {
        if (const auto kind = kind_named(rows.bytes(0))) {
            kept[*kind] = rows.integer(1);
        }
    }
    return kept;
}

bool QuarantineTable::keep(const QuarantinedRequest& rejected, Quarantined& kept) {
    const bool removed = rejected.replaces != 0 && remove(rejected.replaces, kept);
    Blob identity{};
    if (rejected.identity) {
        identity = blob_of(*rejected.identity);
    }
    const std::string_view signature =
        rejected.signature ? std::string_view(*rejected.signature) : std::string_view();
    insert_.run(kind_name(rejected.kind), rejected.received_at_ms,
                std::string_view(rejected.endpoint), std::string_view(rejected.peer),
                std::string_view(rejected.source), cut(signature, kMaxSignatureBytes),
                cut(rejected.content_type, kMaxContentTypeBytes), std::string_view(rejected.reason),
                identity, std::int64_t{rejected.signature.has_value()}, Blob{rejected.body});
    if (database_.changes() == 0) {
        return removed;
    }
    ++kept[rejected.kind];
    if (rejected.kind == QuarantineKind::kNotJson) {
        trim_authentic(kept);
    } else {
        trim_hostile(kept);
    }
    return true;
}

bool QuarantineTable::remove(std::int64_t id, Quarantined& kept) {
    Size left;
    return take_out(remove_, kept, left, id);
}

void QuarantineTable::trim_authentic(Quarantined& kept) {
    Size left = size(true);
    while (left.count > 1 && (left.count > kMaxRejected || left.bytes > kMaxRejectedBytes) &&
           take_out(remove_authentic_, kept, left)) {
    }
}

void QuarantineTable::trim_hostile(Quarantined& kept) {
    Size left = size(false);
    while (left.count > kMaxHostile &&
           take_out(remove_by_count_, kept, left, kMaxHostile / kSharesOfHostile)) {
    }
    while (left.bytes > kMaxHostileBytes &&
           take_out(remove_by_bytes_, kept, left, kMaxHostileBytes / kSharesOfHostile)) {
    }
}

QuarantineTable::Size QuarantineTable::size(bool authentic) {
    Rows rows = size_.query(std::int64_t{authentic});
    return rows.next() ? Size{rows.integer(0), rows.integer(1)} : Size{};
}

template <typename... Values>
bool QuarantineTable::take_out(Statement& statement, Quarantined& kept, Size& size,
                               const Values&... values) {
    Rows rows = statement.query(values...);
    if (!rows.next()) {
        return false;
    }
    if (const auto kind = kind_named(rows.bytes(0))) {
        --kept[*kind];
    }
    --size.count;
    size.bytes -= rows.integer(1);
    // A statement that is not run to its end may not take effect.
    return !rows.next();
}

}  // namespace incm::inbox::sqlite
