#include "incm/ingest/endpoints.h"

#include <algorithm>

#include "incm/base/result.h"
#include "incm/base/url_path.h"

namespace incm::ingest {

EndpointState::EndpointState(const Endpoint& endpoint)
    : path(endpoint.path),
      normal(base::normal_path(endpoint.path)),
      strict_slash(endpoint.strict_slash),
      ack_timeout_ms(endpoint.ack_timeout_ms),
      rate(endpoint.rate) {
    if (!endpoint.secrets.empty()) verifier.emplace(endpoint.secrets);
}

Endpoints::Endpoints(const std::vector<Endpoint>& endpoints) {
    for (const Endpoint& endpoint : endpoints) {
        auto state = std::make_shared<const EndpointState>(endpoint);
        const auto same = std::ranges::find_if(
            states_, [&](const auto& other) { return other->normal == state->normal; });
        if (same != states_.end()) {
            throw base::Failure(
                {base::ErrorCode::kBadConfig,
                 "two endpoints have the path " + (*same)->path +
                     ((*same)->path == state->path ? "" : ", spelled " + state->path)});
        }
        states_.push_back(std::move(state));
    }
}

std::shared_ptr<const EndpointState> Endpoints::find(std::string_view path) const {
    const auto where = [this](const auto& fits) -> std::shared_ptr<const EndpointState> {
        const auto found = std::ranges::find_if(states_, fits);
        return found == states_.end() ? nullptr : *found;
    };
    if (auto state = where([&](const auto& one) { return one->path == path; })) return state;
    const std::string normal = base::normal_path(path);
    if (auto state = where([&](const auto& one) { return one->normal == normal; })) return state;
    const std::string_view bare = base::without_last_slash(normal);
    return where([&](const auto& one) {
        return !one->strict_slash && base::without_last_slash(one->normal) == bare;
    });
}

std::string Endpoints::nearest(std::string_view path) const {
    std::vector<std::string_view> known;
    known.reserve(states_.size());
    for (const auto& state : states_) known.emplace_back(state->path);
    return std::string(base::nearest_path(path, known));
}

}  // namespace incm::ingest
