#include "incm/ingest/ingest.h"

#include <algorithm>
#include <utility>

#include "incm/auth/signature.h"
#include "incm/base/canonical_json.h"
#include "incm/ingest/dedupe_key.h"
#include "incm/model/alert.h"

namespace incm::ingest {

namespace {

using base::Error;
using base::ErrorCode;

/// Parameters such as a charset are allowed; JSON is UTF-8 whatever they say.
bool is_json_type(std::string_view content_type) {
    constexpr std::string_view kJson = "application/json";
    const std::string_view type = content_type.substr(0, content_type.find(';'));
    const std::size_t end = type.find_last_not_of(" \t");
    if (end == std::string_view::npos || end + 1 != kJson.size()) return false;
    return std::ranges::equal(type.substr(0, end + 1), kJson, [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

Error refusal_error(auth::Refusal refusal) {
    if (refusal == auth::Refusal::kMissing) {
        return {ErrorCode::kMissingSignature, "the request has no X-Signature header"};
    }
    return {ErrorCode::kWrongSignature, "X-Signature does not fit the body and the secret"};
}

}  // namespace

/// One endpoint, ready to verify.
class Ingest::Door {
 public:
    explicit Door(const Endpoint& endpoint)
        : path(endpoint.path), ack_timeout_ms(endpoint.ack_timeout_ms), rate(endpoint.rate) {
        if (!endpoint.secrets.empty()) verifier.emplace(endpoint.secrets);
    }

    const std::string path;
    const std::int64_t ack_timeout_ms;
    std::optional<auth::Verifier> verifier;  // none = unsigned
    mutable RateLimit rate;
};

Ingest::Ingest(inbox::Inbox& inbox, const std::vector<Endpoint>& endpoints,
               std::vector<Route> routes)
    : inbox_(inbox), routes_(std::move(routes)) {
    set_endpoints(endpoints);
}

Ingest::~Ingest() = default;

void Ingest::set_endpoints(const std::vector<Endpoint>& endpoints) {
    auto doors = std::make_shared<Doors>();
    for (const Endpoint& endpoint : endpoints) {
        if (std::ranges::any_of(*doors, [&](auto& door) { return door->path == endpoint.path; })) {
            throw base::Failure(
                {ErrorCode::kBadConfig, "two endpoints have the path " + endpoint.path});
        }
        doors->push_back(std::make_shared<const Door>(endpoint));
    }
    const std::lock_guard lock(mutex_);
    doors_ = std::move(doors);
}

std::shared_ptr<const Ingest::Door> Ingest::find(std::string_view path) const {
    std::shared_ptr<const Doors> doors;
    {
        const std::lock_guard lock(mutex_);
        doors = doors_;
    }
    const auto found = std::ranges::find_if(*doors, [&](auto& door) { return door->path == path; });
    return found == doors->end() ? nullptr : *found;
}

bool Ingest::knows(std::string_view path) const {
    return find(path) != nullptr;
}

base::Result<inbox::Stored> Ingest::accept(std::string_view path, Request request) {
    const std::shared_ptr<const Door> door = find(path);
    if (!door) return Error{ErrorCode::kNotFound, "no endpoint has this path"};
    const char* form = "unsigned";
    std::string text;
    if (door->verifier) {
        auth::Verdict verdict = door->verifier->verify(request.body, request.signature);
        if (!verdict.ok()) return refusal_error(verdict.refusal);
        const bool raw = verdict.form == auth::SignedForm::kRaw;
        form = raw ? "raw" : "canonical";
        text = raw ? std::move(request.body) : std::move(verdict.canonical);
    } else {
        if (!is_json_type(request.content_type)) {
            return Error{ErrorCode::kWrongContentType, "send Content-Type: application/json"};
        }
        text = std::move(request.body);
    }
    if (!door->rate.allows(request.received_at.steady_ms)) {
        return Error{ErrorCode::kTooManyRequests, "the endpoint's rate is used up"};
    }
    base::Result<inbox::Stored> stored =
        store(door->path, form, std::move(text), request.received_at.wall_ms);
    if (!stored.ok() || door->ack_timeout_ms == 0) return stored;
    return processed(stored.value(), door->ack_timeout_ms);
}

base::Result<inbox::Stored> Ingest::processed(inbox::Stored stored, std::int64_t timeout_ms) {
    const base::Result<inbox::Progress> progress = inbox_.wait_processed(stored.id, timeout_ms);
    if (!progress.ok()) return progress.error();
    if (progress.value() == inbox::Progress::kDone) return stored;
    const bool dead = progress.value() == inbox::Progress::kDead;
    return Error{ErrorCode::kNotProcessed,
                 "alert " + std::to_string(stored.id) +
                     (dead ? " is stored, but a plugin gave it up"
                           : " is stored, but the plugins are not done with it")};
}

base::Result<inbox::Stored> Ingest::store(const std::string& path, const char* form,
                                          std::string text, std::int64_t received_at_ms) {
    const base::Result<std::string> canonical = base::canonical_json(text);
    const base::Digest content =
        auth::digest_parts({path, canonical.ok() ? canonical.value() : std::string_view(text)});
    const bool authentic = std::string_view(form) != "unsigned";
    std::string kept = authentic && !canonical.ok() ? text : std::string();
    base::Result<model::Alert> parsed = model::parse_alert(std::move(text));
    if (!parsed.ok()) {
        if (!authentic) return parsed.error();
        const base::Status quarantined = inbox_.quarantine({.received_at_ms = received_at_ms,
                                                            .endpoint = path,
                                                            .reason = parsed.error().text,
                                                            .body = std::move(kept)});
        return quarantined.ok() ? parsed.error() : quarantined.error();
    }
    model::Alert& alert = parsed.value();
    inbox::NewAlert record;
    record.dedupe_key = dedupe_key(content, alert.id);
    record.duplicate_for_ever = alert.id.has_value();
    record.received_at_ms = received_at_ms;
    record.endpoint = path;
    record.form = form;
    record.type = alert.type.value_or("");
    record.device = alert.device_id.value_or(alert.serial_number.value_or(""));
    for (const Route& route : routes_) {
        if (route.filter.matches(alert, path)) record.plugins.push_back(route.plugin);
    }
    record.text = std::move(alert.raw);
    return inbox_.append(std::move(record));
}

}  // namespace incm::ingest
