#include <algorithm>

#include "incm/inbox/sqlite/catalog_queries.h"

namespace incm::inbox::sqlite {

namespace {

constexpr const char* kColumns =
    "id, kind, received_at_ms, endpoint, peer, signature IS NOT NULL, signature, content_type,"
    " reason, length(body)";
enum Column {
    kId,
    kKind,
    kReceivedAt,
    kEndpoint,
    kPeer,
    kSigned,
    kSignature,
    kType,
    kReason,
    kBytes,
    kBody
};

StoredRejected read_rejected(const Rows& rows, bool with_body) {
    StoredRejected stored;
    stored.id = rows.integer(kId);
    stored.body_bytes = rows.integer(kBytes);
    QuarantinedRequest& request = stored.request;
    request.kind = kind_named(rows.bytes(kKind)).value_or(QuarantineKind::kNotJson);
    request.received_at_ms = rows.integer(kReceivedAt);
    request.endpoint = rows.bytes(kEndpoint);
    request.peer = rows.bytes(kPeer);
    if (rows.integer(kSigned) != 0) {
        request.signature = rows.bytes(kSignature);
    }
    request.content_type = rows.bytes(kType);
    request.reason = rows.bytes(kReason);
    if (with_body) {
        request.body = rows.bytes(kBody);
    }
    return stored;
}

}  // namespace

RejectedPage list_rejected(Database& database, const RejectedQuery& query) {
    const std::string_view kind = query.kind ? kind_name(*query.kind) : "";
    const std::string_view endpoint =
        query.endpoint ? std::string_view(*query.endpoint) : std::string_view();
    Statement select(database, std::string("SELECT ") + kColumns +
                                   (query.with_body ? ", body" : "") +
                                   " FROM quarantine WHERE id > ?1 AND id < ?2"
                                   " AND ?3 IN ('', kind) AND ?4 IN ('', endpoint)"
                                   " AND received_at_ms >= ?5 ORDER BY id" +
                                   (query.descending ? " DESC" : ""));
    RejectedPage page;
    std::size_t bytes = 0;
    Rows rows = select.query(query.after, query.before, kind, endpoint, query.since_ms);
    while (rows.next()) {
        if (page.found.size() >= query.limit || bytes >= kMaxScannedBytes) {
            page.next = page.found.back().id;
            break;
        }
        page.found.push_back(read_rejected(rows, query.with_body));
        bytes += page.found.back().request.body.size();
    }
    return page;
}

std::optional<StoredRejected> find_rejected(Database& database, std::int64_t id) {
    Statement select(database,
                     std::string("SELECT ") + kColumns + ", body FROM quarantine WHERE id = ?1");
    Rows rows = select.query(id);
    return rows.next() ? std::optional(read_rejected(rows, true)) : std::nullopt;
}

}  // namespace incm::inbox::sqlite
