#include "incm/ingest/ingest.h"

#include <algorithm>
#include <utility>

#include "incm/auth/signature.h"
#include "incm/base/ascii.h"
#include "incm/base/bytes.h"
#include "incm/inbox/quarantine.h"
#include "incm/ingest/dedupe_key.h"
#include "incm/json/canonical.h"
#include "incm/model/alert.h"
#include "incm/model/own_type.h"

namespace incm::ingest {

namespace {

using base::Error;
using base::ErrorCode;
using inbox::QuarantineKind;

constexpr std::size_t kMaxLoggedPath = 100;
constexpr std::size_t kMaxKeptPath = 1024;
constexpr const char* kKeptNote = "kept in the quarantine: incm-webhook quarantine list";

Error no_endpoint() {
    return {ErrorCode::kNotFound, "no endpoint has this path"};
}

Error refusal_error(auth::Refusal refusal) {
    if (refusal == auth::Refusal::kMissing) {
        return {ErrorCode::kMissingSignature, "the request has no X-Signature header"};
    }
    return {ErrorCode::kWrongSignature, "X-Signature does not fit the body and the secret"};
}

std::string sender_of(const Request& request) {
    return request.peer ? source_of(*request.peer) : "";
}

/// An address as the quarantine stores it; older versions stored an interface too.
std::optional<net::IpAddress> kept_peer(std::string_view text) {
    return net::IpAddress::parse(text.substr(0, text.find('%')));
}

/// Make the record of a request, without its body.
inbox::QuarantinedRequest rejected_of(const std::string& path, const Request& request,
                                      QuarantineKind kind, const std::string& reason) {
    return {.received_at_ms = request.received_at.wall_ms,
            .endpoint = path,
            .reason = reason,
            .body = {},
            .kind = kind,
            .peer = request.peer ? request.peer->text() : "",
            .source = sender_of(request),
            .signature = request.signature,
            .content_type = request.content_type};
}

/// Equal for repetitions of a request: a sender that tries again sends the same.
base::Digest identity_of(const inbox::QuarantinedRequest& rejected) {
    return auth::digest_parts(
        {inbox::kind_name(rejected.kind), rejected.endpoint,
         rejected.signature ? std::string_view(*rejected.signature) : std::string_view(),
         rejected.body});
}

}  // namespace

/// A request between its verification and the inbox.
struct Ingest::VerifiedRequest {
    const std::vector<Route>& routes;
    const std::string& path;
    const char* form;
    std::string text;
    Request& request;  // without its body
    bool authentic;
    bool is_canonical = false;         // the text is its own canonical text
    std::int64_t from_quarantine = 0;  // 0: it came from a client
    bool is_not_json = false;          // an earlier reading found that it is not JSON
};

Ingest::Ingest(inbox::Inbox& inbox, const std::vector<Endpoint>& endpoints,
               std::vector<Route> routes, Counters& counters)
    : inbox_(inbox), counters_(counters) {
    serve(prepared(endpoints, std::move(routes)));
}

Ingest::~Ingest() = default;

std::shared_ptr<const Ingest::Serving> Ingest::prepared(const std::vector<Endpoint>& endpoints,
                                                        std::vector<Route> routes) {
    std::vector<std::string> paths;
    paths.reserve(endpoints.size());
    for (const Endpoint& one : endpoints) paths.push_back(one.path);
    return std::make_shared<const Serving>(
        Serving{Endpoints(endpoints), std::move(routes), std::move(paths)});
}

void Ingest::serve(std::shared_ptr<const Serving> next) {
    counters_.set_endpoints(next->paths);
    const std::lock_guard lock(mutex_);
    serving_ = std::move(next);
}

std::shared_ptr<const Ingest::Serving> Ingest::serving() const {
    const std::lock_guard lock(mutex_);
    return serving_;
}

bool Ingest::knows(std::string_view path) const {
    return serving()->endpoints.find(path) != nullptr;
}

void Ingest::accept(std::string_view path, Request request,
                    std::unique_ptr<AlertCallback> callback) {
    const std::shared_ptr<const Serving> now = serving();
    const std::shared_ptr<const EndpointState> endpoint = now->endpoints.find(path);
    if (!endpoint) return callback->on_complete(no_endpoint());
    base::Result<inbox::NewAlert> alert = verify(*now, *endpoint, request, 0);
    if (!alert.ok())
        return callback->on_complete(refused(*endpoint, std::move(request), alert.error()));
    if (alert.value().type == model::kCanaryType) {
        return accept_canary(std::move(alert).value(), std::move(callback));
    }
    if (!model::is_own_type(alert.value().type)) {
        callback->belongs_to(counters_.endpoint(endpoint->path), counted_type(alert.value().type));
    }
    alert.value().trace = callback->trace_of(
        alert.value(), TraceContext::parse(request.traceparent, request.tracestate));
    if (endpoint->ack_timeout_ms == 0) {
        return inbox_.append_later(std::move(alert).value(), std::move(callback));
    }
    const base::Result<inbox::Stored> stored = inbox_.append(std::move(alert).value());
    // It is stored, whatever becomes of the wait.
    if (stored.ok()) callback->count(stored.value(), request.received_at.wall_ms);
    callback->on_complete(stored.ok() ? processed(stored.value(), endpoint->ack_timeout_ms)
                                      : stored);
}

/// Quarantine a request whose signature is the cause of its refusal, and return the error.
Error Ingest::refused(const EndpointState& endpoint, Request request, Error error) {
    const bool missing = error.code == ErrorCode::kMissingSignature;
    const bool wrong = error.code == ErrorCode::kWrongSignature;
    if (request.is_coded && (wrong || error.code == ErrorCode::kNotJson)) {
        error.code = ErrorCode::kWrongContentType;
        error.text = "the body is compressed (Content-Encoding): send it uncompressed";
    }
    if (!missing && !wrong) return error;
    error.log_note = why_not_kept(request);
    if (!error.log_note.empty()) return error;
    error.log_note = keep(
        endpoint.path, std::move(request),
        missing ? QuarantineKind::kMissingSignature : QuarantineKind::kWrongSignature, error.text);
    return error;
}

Error Ingest::keep_misdirected(std::string_view path, Request request, Error error) {
    counters_.count_misdirected();
    error.log_note = "it is signed; its path is " + base::printable(path, kMaxLoggedPath);
    if (request.body.empty()) {
        error.log_note +=
            "; it has no body: a redirect in front of the server turns a POST into a GET";
        return error;
    }
    if (const std::string why = why_not_kept(request); !why.empty()) {
        error.log_note += "; " + why;
        return error;
    }
    const bool unknown = error.code == ErrorCode::kNotFound;
    std::string reason = error.text;
    if (unknown) {
        const std::string nearest =
            "the nearest is " + base::printable(serving()->endpoints.nearest(path), kMaxLoggedPath);
        reason += "; " + nearest;
        error.log_note += ", " + nearest;
    }
    error.log_note +=
        "; " + keep(std::string(path.substr(0, kMaxKeptPath)), std::move(request),
                    unknown ? QuarantineKind::kUnknownPath : QuarantineKind::kWrongMethod, reason);
    return error;
}

base::Result<inbox::Stored> Ingest::retry(inbox::StoredRejected kept, base::Instant received_at) {
    inbox::QuarantinedRequest& was = kept.request;
    const std::shared_ptr<const Serving> now = serving();
    const std::shared_ptr<const EndpointState> endpoint = now->endpoints.find(was.endpoint);
    if (!endpoint) return no_endpoint();
    Request request{.body = std::move(was.body),
                    .signature = std::move(was.signature),
                    .content_type = std::move(was.content_type),
                    .received_at = received_at,
                    .peer = kept_peer(was.peer)};
    base::Result<inbox::NewAlert> alert = was.kind == QuarantineKind::kNotJson
                                              ? read({.routes = now->routes,
                                                      .path = endpoint->path,
                                                      .form = "raw",
                                                      .text = std::move(request.body),
                                                      .request = request,
                                                      .authentic = true,
                                                      .from_quarantine = kept.id,
                                                      .is_not_json = true})
                                              : verify(*now, *endpoint, request, kept.id);
    if (!alert.ok()) return alert.error();
    if (alert.value().type == model::kCanaryType) {
        const auto dropped = inbox_.quarantine().drop({kept.id});
        if (!dropped.ok()) return dropped.error();
        return Error{ErrorCode::kForbidden, "it is a canary, which is no alert: dropped"};
    }
    return inbox_.append(std::move(alert).value());
}

/// Does not change a request whose signature is refused.
base::Result<inbox::NewAlert> Ingest::verify(const Serving& serving, const EndpointState& endpoint,
                                             Request& request, std::int64_t from_quarantine) {
    VerifiedRequest verified{.routes = serving.routes,
                             .path = endpoint.path,
                             .form = "unsigned",
                             .text = {},
                             .request = request,
                             .authentic = endpoint.verifier.has_value(),
                             .from_quarantine = from_quarantine};
    if (endpoint.verifier) {
        auth::Verdict verdict = endpoint.verifier->verify(request.body, request.signature);
        if (!verdict.ok()) return refusal_error(verdict.refusal);
        const bool raw = verdict.form == auth::SignedForm::kRaw;
        verified.form = raw ? "raw" : "canonical";
        verified.is_canonical = !raw;
        verified.text = raw ? std::move(request.body) : std::move(verdict.canonical);
    } else {
        if (!base::is_json_type(request.content_type)) {
            return Error{ErrorCode::kWrongContentType, "send Content-Type: application/json"};
        }
        verified.text = std::move(request.body);
    }
    if (from_quarantine == 0 && !endpoint.rate.allows(request.received_at.steady_ms)) {
        return Error{ErrorCode::kTooManyRequests, "the endpoint's rate is used up"};
    }
    return read(std::move(verified));
}

/// Return and count why a request of an unauthenticated sender must not be quarantined; "" when it
/// may be.
std::string Ingest::why_not_kept(const Request& request) {
    if (is_own_canary(request.body)) {
        return "not kept in the quarantine: it is a canary of this server";
    }
    if (request.body.size() > kMaxKeptBody) {
        counters_.count_unkept(NotKept::kTooLarge);
        return "not kept in the quarantine: the body is longer than 256 KiB";
    }
    if (!limits_.admit(sender_of(request), request.received_at.steady_ms)) {
        counters_.count_unkept(NotKept::kTooOften);
        return "not kept in the quarantine: there were too many";
    }
    return {};
}

/// Quarantine a request of an unauthenticated sender if that is allowed. Returns a note about it
/// for the log.
std::string Ingest::keep(const std::string& path, Request request, QuarantineKind kind,
                         const std::string& reason) {
    inbox::QuarantinedRequest rejected = rejected_of(path, request, kind, reason);
    rejected.body = std::move(request.body);
    rejected.identity = identity_of(rejected);
    const auto not_kept = [&counters = counters_] { counters.count_unkept(NotKept::kFailed); };
    if (!inbox_.quarantine().keep_later(std::move(rejected), not_kept)) {
        counters_.count_unkept(NotKept::kBusy);
        return "not kept in the quarantine: the inbox is busy, or its disk nearly full";
    }
    return kKeptNote;
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

base::Result<inbox::NewAlert> Ingest::read(VerifiedRequest verified) {
    // The verification has already made the canonical text, which is also the text to compare.
    const base::Result<std::string> comparable = verified.is_canonical
                                                     ? base::Result<std::string>(std::string())
                                                     : json::comparable_json(verified.text);
    const bool is_rewritten = comparable.ok() && !verified.is_canonical;
    const base::Digest content = auth::digest_parts(
        {verified.path, is_rewritten ? comparable.value() : std::string_view(verified.text)});
    std::string kept = verified.authentic && !comparable.ok() ? verified.text : std::string();
    base::Result<model::Alert> parsed = model::parse_alert(std::move(verified.text));
    if (!parsed.ok()) {
        if (!verified.authentic || verified.is_not_json) return parsed.error();
        inbox::QuarantinedRequest rejected = rejected_of(
            verified.path, verified.request, QuarantineKind::kNotJson, parsed.error().text);
        rejected.body = std::move(kept);
        rejected.identity = identity_of(rejected);
        rejected.replaces = verified.from_quarantine;
        const base::Status quarantined = inbox_.quarantine().keep(std::move(rejected));
        if (!quarantined.ok()) return quarantined.error();
        return Error{parsed.error().code, parsed.error().text, kKeptNote};
    }
    model::Alert& alert = parsed.value();
    inbox::NewAlert record;
    record.dedupe_key = dedupe_key(content, alert.id);
    record.duplicate_for_ever = alert.id.has_value();
    record.received_at_ms = verified.request.received_at.wall_ms;
    record.endpoint = verified.path;
    record.form = verified.form;
    record.type = alert.type.value_or("");
    record.device = alert.device_id.value_or(alert.serial_number.value_or(""));
    record.from_quarantine = verified.from_quarantine;
    for (const Route& route : verified.routes) {
        if (route.filter.matches(alert, verified.path)) record.plugins.push_back(route.plugin);
    }
    record.text = std::move(alert.raw);
    return record;
}

}  // namespace incm::ingest
