#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/clock.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"
#include "incm/ingest/endpoints.h"
#include "incm/ingest/peer_limits.h"
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

/// A POST whose body arrived whole.
struct Request {
    std::string body;
    std::optional<std::string> signature;  ///< value of X-Signature; empty when there is none
    std::string content_type;              ///< value of Content-Type; "" when there is none
    base::Instant received_at;
    std::optional<net::IpAddress> peer;  ///< the client; none when it is not known any more
    bool is_coded = false;               ///< it says that the body is compressed
};

/// Longest body that is kept of a request whose sender is not known.
inline constexpr std::size_t kMaxKeptBody = 256 * 1024;

/// Takes a request's content from hostile bytes to a stored alert: signature, parse, dedupe key,
/// routes, inbox, in that order.
///
/// Threads: accept() from any number of threads; set_endpoints() from any, at any time.
/// Source:  docs/architecture.md, The way of an alert; docs/http-api.md, Answers to alerts.
class Ingest {
 public:
    /// Errors: Failure(kBadConfig) for an empty secret or two endpoints of one path.
    /// Inbox and counters must outlive this.
    Ingest(inbox::Inbox& inbox, const std::vector<Endpoint>& endpoints, std::vector<Route> routes,
           Counters& counters);
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;
    ~Ingest();

    /// Whether an endpoint has this path (without query), in any spelling.
    [[nodiscard]] bool knows(std::string_view path) const;

    /// Verify and read, and have it stored; the receipt is told the number of the stored (or
    /// repeated) alert, or the error.
    ///
    /// Threads: the receipt is told by this thread, or by the inbox's after the commit. Only on an
    ///          endpoint that waits for the plugins this call waits, too.
    /// Errors:  kNotFound, kWrongContentType (unsigned endpoints, and instead of kWrongSignature
    /// and
    ///          kNotJson a body that is said to be compressed), kMissingSignature,
    /// kTooManyRequests, kWrongSignature (the request is in the quarantine with the next commit,
    /// within limits; log_note says so);
    ///          kNotJson (an authentic body on an endpoint with secrets is in the quarantine then);
    ///          kStoreFailed, kDiskLow and kClosed from the inbox. Nothing is stored unless said
    ///          so. kNotProcessed: stored, but an endpoint that waits for the plugins saw one that
    ///          is not done, or gave up; the deliveries go on, and a repetition may say 200.
    void accept(std::string_view path, Request request,
                std::unique_ptr<inbox::AppendCallback> receipt);

    /// Keep a signed request that no endpoint takes: its path is unknown, or its method is not
    /// POST.
    ///
    /// Shape:   error is what it is answered, kNotFound or kMethodNotAllowed. Returns it with a
    ///          log_note about the path, the nearest endpoint, and whether the request is in the
    ///          quarantine, within the limits of those with a wrong signature.
    [[nodiscard]] base::Error keep_misdirected(std::string_view path, Request request,
                                               base::Error error);

    /// Take a request of the quarantine as if it came now, with the secrets of now.
    ///
    /// Shape:   kept with its body. When it is stored, or a repetition, it leaves the quarantine in
    ///          the transaction that stores the alert: no crash loses or doubles it. What turns
    ///          out to be authentic but no JSON becomes one of those, under another number; one
    ///          that is of that kind was verified when it came, and is only read again.
    /// Errors:  as accept(), except kNotProcessed: it does not wait for plugins. It stays in the
    ///          quarantine.
    [[nodiscard]] base::Result<inbox::Stored> retry(inbox::StoredRejected kept,
                                                    base::Instant received_at);

    /// Replace the endpoints for requests that come from now on; requests under way keep theirs.
    /// Errors: as the constructor; the old endpoints stay then.
    void set_endpoints(const std::vector<Endpoint>& endpoints);

 private:
    [[nodiscard]] std::shared_ptr<const Endpoints> endpoints() const;
    [[nodiscard]] std::shared_ptr<const EndpointState> find(std::string_view path) const;
    struct VerifiedRequest;
    [[nodiscard]] base::Result<inbox::NewAlert> take(const EndpointState& door, Request& request,
                                                     std::int64_t from_quarantine);
    [[nodiscard]] base::Result<inbox::NewAlert> read(VerifiedRequest taken);
    [[nodiscard]] base::Error refused(const EndpointState& door, Request request,
                                      base::Error error);
    [[nodiscard]] std::string why_not_kept(const Request& request);
    [[nodiscard]] std::string keep(const std::string& path, Request request,
                                   inbox::QuarantineKind kind, const std::string& reason);
    [[nodiscard]] base::Result<inbox::Stored> processed(inbox::Stored stored,
                                                        std::int64_t timeout_ms);

    inbox::Inbox& inbox_;
    const std::vector<Route> routes_;
    Counters& counters_;
    PeerLimits limits_;
    mutable std::mutex mutex_;  // protects endpoints_
    std::shared_ptr<const Endpoints> endpoints_;
};

}  // namespace incm::ingest
