#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/auth/signature.h"
#include "incm/base/secret.h"
#include "incm/ingest/rate_limit.h"

namespace incm::ingest {

/// A path that takes alerts.
struct Endpoint {
    std::string path;  ///< begins with `/`, without query
    std::vector<base::Secret>
        secrets;  ///< tried in this order; none = unsigned: whoever comes is taken
    /// How long an answer waits until every plugin has handled the alert; 0: it does not
    /// (`ack = "stored"`).
    std::int64_t ack_timeout_ms = 0;
    Rate rate;                  ///< of alerts that verified; what is over it is refused
    bool strict_slash = false;  ///< a `/` more or less at the end makes another path
};

/// One endpoint, ready to verify. Threads: any.
struct EndpointState {
    explicit EndpointState(const Endpoint& endpoint);

    const std::string path;    ///< as it is configured
    const std::string normal;  ///< as all its spellings have it
    const bool strict_slash;
    const std::int64_t ack_timeout_ms;
    std::optional<auth::Verifier> verifier;  ///< none = unsigned
    mutable RateLimit rate;
};

/// All endpoints, found by the paths of requests. Threads: immutable.
class Endpoints {
 public:
    /// Errors: Failure(kBadConfig) for an empty secret or two endpoints of one path.
    explicit Endpoints(const std::vector<Endpoint>& endpoints);

    /// The endpoint of a path (without query) in any spelling: the one that has just this path,
    /// else one that does not care for a `/` at the end. Null when there is none.
    [[nodiscard]] std::shared_ptr<const EndpointState> find(std::string_view path) const;

    /// The configured path that is the most like this one; "" when there is no endpoint.
    [[nodiscard]] std::string nearest(std::string_view path) const;

 private:
    std::vector<std::shared_ptr<const EndpointState>> doors_;
};

}  // namespace incm::ingest
