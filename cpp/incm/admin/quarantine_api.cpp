#include "incm/admin/quarantine_api.h"

#include <limits>
#include <optional>
#include <utility>

#include "incm/admin/quarantine_json.h"
#include "incm/base/clock.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/quarantine.h"

namespace incm::admin {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxListed = 1000;

Error bad(const std::string& text) {
    return {ErrorCode::kMalformedRequest, text};
}

std::optional<inbox::QuarantineKind> read_kind(Parameters& given, std::optional<Error>& error) {
    const std::optional<std::string> name = given.text("kind");
    if (!name) return std::nullopt;
    const auto kind = inbox::kind_named(*name);
    if (!kind) {
        std::string known;
        for (const std::string_view one : inbox::kQuarantineKinds) {
            known.append(known.empty() ? "" : ", ").append(one);
        }
        error = bad("\"kind\" wants one of " + known);
    }
    return kind;
}

/// Whether the inbox has failed, so that all further requests would fail in the same way.
bool ends_all(ErrorCode code) {
    return code == ErrorCode::kStoreFailed || code == ErrorCode::kDiskLow ||
           code == ErrorCode::kClosed;
}

}  // namespace

/// The requests that a change is about, and where the next call continues.
struct QuarantineApi::Chosen {
    std::vector<std::int64_t> missing;
    inbox::RejectedPage page;
};

QuarantineApi::Text QuarantineApi::list(Parameters& given) const {
    std::optional<Error> wrong;
    inbox::RejectedQuery query;
    query.kind = read_kind(given, wrong);
    query.endpoint = given.text("endpoint");
    query.since_ms = given.time_ms("since").value_or(query.since_ms);
    query.after = given.integer("after", 0, kMaxNumber).value_or(0);
    query.before = given.integer("before", 0, kMaxNumber).value_or(kMaxNumber);
    query.limit = static_cast<std::size_t>(given.integer("limit", 1, kMaxListed).value_or(100));
    const std::string order = given.text("order").value_or("asc");
    query.descending = order == "desc";
    if (order != "asc" && order != "desc") wrong = bad("\"order\" wants asc or desc");
    if (const auto error = given.finish()) return *error;
    if (wrong) return *wrong;
    const auto page = catalog_.quarantine(query);
    if (!page.ok()) return page.error();
    return quarantine_json(page.value());
}

QuarantineApi::Text QuarantineApi::show(Parameters& given) const {
    const std::string text = given.text("id").value_or("");
    const auto id = given.integer("id", 0, kMaxNumber);
    if (!id) return Error{ErrorCode::kNotFound, "no such page"};
    if (const auto error = given.finish()) return *error;
    const auto found = catalog_.rejected(*id);
    if (!found.ok()) return found.error();
    if (!found.value()) {
        return Error{ErrorCode::kNotFound, "no request in the quarantine has the number " + text};
    }
    return rejected_json(*found.value());
}

base::Result<QuarantineApi::Chosen> QuarantineApi::choose(Parameters& given, std::size_t most,
                                                          bool with_body) const {
    std::optional<Error> wrong;
    inbox::RejectedQuery query;
    query.kind = read_kind(given, wrong);
    query.endpoint = given.text("endpoint");
    query.after = given.integer("after", 0, kMaxNumber).value_or(0);
    query.with_body = with_body;
    query.limit = most;
    const std::vector<std::int64_t> ids = given.integers("ids", 1, kMaxNumber);
    const bool all = given.flag("all");
    if (const auto error = given.finish()) return *error;
    if (wrong) return *wrong;
    if (ids.empty() && !query.endpoint && !query.kind && !all) {
        return bad("say which: ids, endpoint, kind, or \"all\": true");
    }
    if (ids.size() > most) return bad("at most " + std::to_string(most) + " ids at once");
    Chosen chosen;
    if (ids.empty()) {
        auto page = catalog_.quarantine(query);
        if (!page.ok()) return page.error();
        chosen.page = std::move(page).value();
        return chosen;
    }
    for (const std::int64_t id : ids) {
        auto found = catalog_.rejected(id);
        if (!found.ok()) return found.error();
        if (found.value()) {
            chosen.page.found.push_back(std::move(*found.value()));
        } else {
            chosen.missing.push_back(id);
        }
    }
    return chosen;
}

QuarantineApi::Text QuarantineApi::retry(Parameters& given) const {
    auto chosen = choose(given, kRetriedACall, true);
    if (!chosen.ok()) return chosen.error();
    if (!ingest_)
        return bad("trying again needs the secrets and plugins, and no configuration was given");
    std::vector<Retried> results;
    for (const std::int64_t id : chosen.value().missing) results.push_back({id, {}});
    for (inbox::StoredRejected& one : chosen.value().page.found) {
        const std::int64_t id = one.id;
        auto outcome = ingest_->retry(std::move(one), base::now());
        if (!outcome.ok() && ends_all(outcome.error().code)) return outcome.error();
        results.push_back({id, std::move(outcome)});
    }
    return retried_json(results, chosen.value().page.next);
}

QuarantineApi::Text QuarantineApi::drop(Parameters& given) const {
    const auto chosen = choose(given, kDroppedACall, false);
    if (!chosen.ok()) return chosen.error();
    std::vector<std::int64_t> ids;
    for (const inbox::StoredRejected& one : chosen.value().page.found) ids.push_back(one.id);
    const auto dropped = inbox_->quarantine().drop(std::move(ids));
    if (!dropped.ok()) return dropped.error();
    return dropped_json(dropped.value(), chosen.value().page.next);
}

}  // namespace incm::admin
