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
#include "incm/base/secret.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/rate_limit.h"
#include "incm/model/alert_filter.h"

namespace incm::ingest {

/// A path that takes alerts.
struct Endpoint {
    std::string path;  ///< begins with `/`, without query
    std::vector<base::Secret>
        secrets;  ///< tried in this order; none = unsigned: whoever comes is taken
    /// How long an answer waits until every plugin has handled the alert; 0: it does not
    /// (`ack = "stored"`).
    std::int64_t ack_timeout_ms = 0;
    Rate rate;  ///< of alerts that verified; what is over it is refused
};

/// A plugin and the alerts it wants.
struct Route {
    std::string plugin;
    model::AlertFilter filter;
    bool by_device = false;  ///< one device's alerts in order
};

/// A POST whose body arrived whole.
struct Request {
    std::string body;
    std::optional<std::string> signature;  ///< value of X-Signature; empty when there is none
    std::string content_type;              ///< value of Content-Type; "" when there is none
    base::Instant received_at;
};

/// Takes a request's content from hostile bytes to a stored alert: signature, parse, dedupe key,
/// routes, inbox, in that order.
///
/// Threads: accept() from any number of threads; set_endpoints() from any, at any time.
/// Source:  architecture section 1; contract section 4.
class Ingest {
 public:
    /// Errors: Failure(kBadConfig) for an empty secret or two endpoints of one path.
    Ingest(inbox::Inbox& inbox, const std::vector<Endpoint>& endpoints, std::vector<Route> routes);
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;
    ~Ingest();

    /// Whether an endpoint has this path (without query).
    [[nodiscard]] bool knows(std::string_view path) const;

    /// Verify, read and store.
    ///
    /// Shape:   -> number of the stored (or repeated) alert.
    /// Errors:  kNotFound, kWrongContentType (unsigned endpoints only), kMissingSignature,
    /// kWrongSignature, kTooManyRequests;
    ///          kNotJson (an authentic body on an endpoint with secrets is in the quarantine then);
    ///          kStoreFailed, kDiskLow and kClosed from the inbox. Nothing is stored unless said
    ///          so. kNotProcessed: stored, but an endpoint that waits for the plugins saw one that
    ///          is not done, or gave up; the deliveries go on, and a repetition may say 200.
    [[nodiscard]] base::Result<inbox::Stored> accept(std::string_view path, Request request);

    /// Replace the endpoints for requests that come from now on; requests under way keep theirs.
    /// Errors: as the constructor; the old endpoints stay then.
    void set_endpoints(const std::vector<Endpoint>& endpoints);

 private:
    class Door;
    using Doors = std::vector<std::shared_ptr<const Door>>;
    [[nodiscard]] std::shared_ptr<const Door> find(std::string_view path) const;
    [[nodiscard]] base::Result<inbox::Stored> store(const std::string& path, const char* form,
                                                    std::string text, std::int64_t received_at_ms);

    [[nodiscard]] base::Result<inbox::Stored> processed(inbox::Stored stored,
                                                        std::int64_t timeout_ms);

    inbox::Inbox& inbox_;
    const std::vector<Route> routes_;
    mutable std::mutex mutex_;  // protects doors_
    std::shared_ptr<const Doors> doors_;
};

}  // namespace incm::ingest
