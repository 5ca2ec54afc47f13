#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "incm/base/clock.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"
#include "incm/ingest/endpoint_counters.h"
#include "incm/ingest/endpoints.h"
#include "incm/ingest/peer_limits.h"
#include "incm/ingest/trace_context.h"
#include "incm/model/alert_filter.h"
#include "incm/net/ip_address.h"

namespace incm::ingest {

/// A plugin and the alerts it wants.
struct Route {
    std::string plugin;
    model::AlertFilter filter;
    bool by_device = false;  ///< one device's alerts in order
    inbox::RetryPolicy retry = {};
};

/// A POST whose body arrived completely.
struct Request {
    std::string body;
    std::optional<std::string> signature;  ///< value of X-Signature; empty when there is none
    std::string content_type;              ///< value of Content-Type; "" when there is none
    base::Instant received_at;
    std::optional<net::IpAddress> peer;  ///< the client; empty when it is no longer known
    bool is_coded = false;               ///< its headers declare the body compressed
    std::string traceparent = {};        ///< values of this field, joined by commas
    std::string tracestate = {};         ///< likewise
};

/// The callback of Ingest::accept(), which knows afterwards what was counted for its alert.
class AlertCallback : public inbox::AppendCallback {
 public:
    /// Note to which counters the alert belongs, before it is stored.
    void belongs_to(EndpointCounters& endpoint, std::size_t type) noexcept {
        endpoint_ = &endpoint;
        type_ = type;
    }

    /// Return the trace to store with an authentic alert, from the one that the sender sent: here
    /// the sender's.
    [[nodiscard]] virtual std::optional<std::string> trace_of(
        const inbox::NewAlert& alert, const std::optional<TraceContext>& sent) {
        (void)alert;
        return sent ? std::optional(sent->text()) : std::nullopt;
    }

    /// Count the alert as stored, or as a duplicate. A further call does nothing.
    void count(const inbox::Stored& stored, std::int64_t wall_ms) noexcept {
        EndpointCounters* const endpoint = std::exchange(endpoint_, nullptr);
        if (endpoint == nullptr) return;
        stored_ = stored;
        stored.duplicate ? endpoint->count_duplicate(wall_ms)
                         : endpoint->count_accepted(type_, wall_ms);
    }

    /// Note that it is a canary. own: this process made it.
    void is_canary(bool own) noexcept { canary_ = own; }
    /// Whether this process made the canary; empty for every other alert.
    [[nodiscard]] std::optional<bool> canary() const noexcept { return canary_; }

 protected:
    /// The alert that was counted; empty: none was.
    [[nodiscard]] const std::optional<inbox::Stored>& stored() const noexcept { return stored_; }

 private:
    EndpointCounters* endpoint_ = nullptr;  // null: refused before it was read, or counted
    std::size_t type_ = 0;
    std::optional<inbox::Stored> stored_;
    std::optional<bool> canary_;
};

/// The longest body that is quarantined of a request whose sender is not authenticated.
inline constexpr std::size_t kMaxKeptBody = 256 * 1024;

/// Turns an untrusted request into a stored alert: signature, parse, dedupe key, routes, inbox, in
/// that order.
///
/// Threads: accept() from any number of threads; serve() from any, at any time.
/// Source:  docs/architecture.md, The way of an alert; docs/http-api.md, Answers to alerts.
class Ingest {
 public:
    /// Errors:  Failure(kBadConfig) for an empty secret, or for two endpoints with one path.
    /// Threads: inbox and counters must outlive this.
    Ingest(inbox::Inbox& inbox, const std::vector<Endpoint>& endpoints, std::vector<Route> routes,
           Counters& counters);
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;
    ~Ingest();

    /// Whether an endpoint has this path (without query), in any spelling.
    [[nodiscard]] bool knows(std::string_view path) const;

    /// Verify, read and store an alert. The callback gets the number of the stored alert (of the
    /// earlier one for a duplicate), or the error.
    ///
    /// Threads: the callback is called by this thread, or by the thread of the inbox after the
    ///          commit. This call waits only on an endpoint that waits for the plugins.
    /// Errors:  kNotFound; kWrongContentType (on unsigned endpoints, and instead of kWrongSignature
    ///          and kNotJson for a body declared as compressed); kMissingSignature,
    ///          kTooManyRequests, kWrongSignature (the request is quarantined with the next commit,
    ///          within limits; log_note reports it); kNotJson (an authentic body on an endpoint
    ///          with secrets is then in the quarantine); kStoreFailed, kDiskLow and kClosed from
    ///          the inbox. No alert is stored, except with kNotProcessed: the alert is stored, but
    ///          the endpoint waits for the plugins, and one of them is not done in time or gave up.
    ///          Its deliveries continue, and a repetition may be answered with 200.
    ///
    /// A canary is stored only when a plugin wants it, and waits for none. Otherwise its number is
    /// 0, and the inbox has made a commit that leaves nothing.
    void accept(std::string_view path, Request request, std::unique_ptr<AlertCallback> callback);

    /// Quarantine a signed request that no endpoint accepts: its path is unknown, or its method is
    /// not POST.
    ///
    /// Shape:   `error` is the answer to it, kNotFound or kMethodNotAllowed. Returns that error
    ///          with a log_note about the path, the nearest endpoint, and whether the request is in
    ///          the quarantine. The limits are those of requests with a wrong signature.
    [[nodiscard]] base::Error keep_misdirected(std::string_view path, Request request,
                                               base::Error error);

    /// Process a quarantined request as if it arrived now, with the secrets configured now.
    ///
    /// Shape:   `kept` includes its body. When the alert is stored, or is a duplicate, the request
    ///          leaves the quarantine in the same transaction: no crash loses or doubles it. A
    ///          request that turns out to be authentic but not JSON becomes an entry of that kind,
    ///          with another number. An entry of that kind was verified when it arrived, and is
    ///          only read again.
    /// Errors:  those of accept() except kNotProcessed, since this does not wait for plugins. The
    ///          request then stays in the quarantine. kForbidden for a canary, which proves nothing
    ///          now: it leaves the quarantine.
    [[nodiscard]] base::Result<inbox::Stored> retry(inbox::StoredRejected kept,
                                                    base::Instant received_at);

    /// Store an alert that this server raises about itself, for each plugin whose filter wants it,
    /// except the plugin that it is `about` ("": none). Returns its number; 0 when no plugin wants
    /// it, and nothing is stored.
    /// Threads: blocks until the alert is durable.
    /// Errors:  kNotJson for another text; those of Inbox::append().
    [[nodiscard]] base::Result<std::int64_t> raise(std::string text, const std::string& about,
                                                   base::Instant at);

    /// Set the text by which the canaries of this process are recognised: they contain it.
    void set_canary_mark(std::string mark);

    /// Endpoints and routes that belong together. Threads: immutable.
    struct Serving {
        Endpoints endpoints;
        std::vector<Route> routes;
        std::vector<std::string> paths;  ///< of the endpoints, as configured
    };
    /// Prepare endpoints and routes for serve(). Errors: those of the constructor.
    [[nodiscard]] static std::shared_ptr<const Serving> prepared(
        const std::vector<Endpoint>& endpoints, std::vector<Route> routes);
    /// Use these for requests that arrive from now on; requests in progress keep theirs.
    void serve(std::shared_ptr<const Serving> next);
    /// Return what is used for requests that arrive now.
    [[nodiscard]] std::shared_ptr<const Serving> serving() const;

 private:
    struct VerifiedRequest;
    [[nodiscard]] base::Result<inbox::NewAlert> verify(const Serving& serving,
                                                       const EndpointState& endpoint,
                                                       Request& request,
                                                       std::int64_t from_quarantine);
    [[nodiscard]] base::Result<inbox::NewAlert> read(VerifiedRequest verified);
    void accept_canary(inbox::NewAlert canary, std::unique_ptr<AlertCallback> callback);
    [[nodiscard]] base::Result<inbox::Stored> commit_nothing();
    [[nodiscard]] base::Error refused(const EndpointState& endpoint, Request request,
                                      base::Error error);
    [[nodiscard]] bool is_own_canary(std::string_view text) const;
    [[nodiscard]] std::string why_not_kept(const Request& request);
    [[nodiscard]] std::string keep(const std::string& path, Request request,
                                   inbox::QuarantineKind kind, const std::string& reason);
    [[nodiscard]] base::Result<inbox::Stored> processed(inbox::Stored stored,
                                                        std::int64_t timeout_ms);

    inbox::Inbox& inbox_;
    Counters& counters_;
    PeerLimits limits_;
    mutable std::mutex mutex_;  // protects all below
    std::string canary_mark_;   // "": this process makes no canaries
    std::shared_ptr<const Serving> serving_;
};

}  // namespace incm::ingest
