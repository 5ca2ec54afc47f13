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

/// A path that accepts alerts.
struct Endpoint {
    std::string path;  ///< begins with `/`, without query
    /// Tried in this order; none = unsigned: every sender is accepted.
    std::vector<base::Secret> secrets;
    /// The longest time that an answer waits for every plugin to handle the alert; 0: it does not
    /// wait (`ack = "stored"`).
    std::int64_t ack_timeout_ms = 0;
    Rate rate;                  ///< of verified alerts; alerts above it are refused
    bool strict_slash = false;  ///< a `/` at the end makes another path
    /// After so long without an alert the endpoint is silent; 0: it never is.
    std::int64_t silent_after_ms = 0;
};

/// One endpoint, ready to verify. Threads: any.
struct EndpointState {
    explicit EndpointState(const Endpoint& endpoint);

    const std::string path;    ///< as configured
    const std::string normal;  ///< normal form, which all its spellings share
    const bool strict_slash;
    const std::int64_t ack_timeout_ms;
    std::optional<auth::Verifier> verifier;  ///< none = unsigned
    mutable RateLimit rate;
};

/// All endpoints, found by the path of a request.
/// Threads: immutable.
class Endpoints {
 public:
    /// Errors:  Failure(kBadConfig) for an empty secret, or for two endpoints with one path.
    explicit Endpoints(const std::vector<Endpoint>& endpoints);

    /// Find the endpoint of a path (without query) in any spelling: the endpoint with exactly this
    /// path, else one that ignores a `/` at the end. Null when there is none.
    [[nodiscard]] std::shared_ptr<const EndpointState> find(std::string_view path) const;

    /// Return the configured path that is most similar to this one; "" when there is no endpoint.
    [[nodiscard]] std::string nearest(std::string_view path) const;

 private:
    std::vector<std::shared_ptr<const EndpointState>> states_;
};

}  // namespace incm::ingest
