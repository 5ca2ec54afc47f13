#include <string>
#include <string_view>
#include <utility>

#include "incm/auth/signature.h"
#include "incm/ingest/dedupe_key.h"
#include "incm/ingest/ingest.h"
#include "incm/model/alert.h"
#include "incm/model/own_type.h"

namespace incm::ingest {

void Ingest::set_canary_mark(std::string mark) {
    const std::lock_guard lock(mutex_);
    canary_mark_ = std::move(mark);
}

bool Ingest::is_own_canary(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return !canary_mark_.empty() && text.find(canary_mark_) != std::string_view::npos;
}

void Ingest::accept_canary(inbox::NewAlert canary, std::unique_ptr<AlertCallback> callback) {
    callback->is_canary(is_own_canary(canary.text));
    if (!canary.plugins.empty()) return inbox_.append_later(std::move(canary), std::move(callback));
    callback->on_complete(commit_nothing());
}

/// Find out whether an alert could be stored now, with its fsync, without storing one.
base::Result<inbox::Stored> Ingest::commit_nothing() {
    if (const std::optional<base::Error> why = inbox_.why_not_stored()) return *why;
    const std::shared_ptr<const Serving> now = serving();
    if (!now->routes.empty()) {
        // No plugin can have this key, so the transaction changes no state.
        const auto done =
            inbox_.kept_state().write(now->routes.front().plugin, {{.key = "", .value = {}}});
        if (!done.ok()) return done.error();
    }
    return inbox::Stored{.id = 0, .duplicate = false};
}

base::Result<std::int64_t> Ingest::raise(std::string text, const std::string& about,
                                         base::Instant at) {
    const base::Digest content = auth::digest_parts({model::kOwnEndpoint, text});
    base::Result<model::Alert> parsed = model::parse_alert(std::move(text));
    if (!parsed.ok()) return parsed.error();
    model::Alert& alert = parsed.value();
    inbox::NewAlert record;
    const std::shared_ptr<const Serving> now = serving();
    for (const Route& route : now->routes) {
        if (route.plugin != about && route.filter.matches(alert, model::kOwnEndpoint)) {
            record.plugins.push_back(route.plugin);
        }
    }
    if (record.plugins.empty()) return std::int64_t{0};
    record.dedupe_key = dedupe_key(content, alert.id);
    record.duplicate_for_ever = alert.id.has_value();
    record.received_at_ms = at.wall_ms;
    record.endpoint = model::kOwnEndpoint;
    record.form = "own";
    record.type = alert.type.value_or("");
    record.device = alert.device_id.value_or("");
    record.text = std::move(alert.raw);
    const base::Result<inbox::Stored> stored = inbox_.append(std::move(record));
    if (!stored.ok()) return stored.error();
    return stored.value().id;
}

}  // namespace incm::ingest
