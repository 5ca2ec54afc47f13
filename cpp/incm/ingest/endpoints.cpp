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
        auto door = std::make_shared<const EndpointState>(endpoint);
        const auto same = std::ranges::find_if(
            doors_, [&](const auto& other) { return other->normal == door->normal; });
        if (same != doors_.end()) {
            throw base::Failure(
                {base::ErrorCode::kBadConfig,
                 "two endpoints have the path " + (*same)->path +
                     ((*same)->path == door->path ? "" : ", spelled " + door->path)});
        }
        doors_.push_back(std::move(door));
    }
}

std::shared_ptr<const EndpointState> Endpoints::find(std::string_view path) const {
    const auto where = [this](const auto& fits) -> std::shared_ptr<const EndpointState> {
        const auto found = std::ranges::find_if(doors_, fits);
        return found == doors_.end() ? nullptr : *found;
    };
    if (auto door = where([&](const auto& one) { return one->path == path; })) return door;
    const std::string normal = base::normal_path(path);
    if (auto door = where([&](const auto& one) { return one->normal == normal; })) return door;
    const std::string_view bare = base::without_last_slash(normal);
    return where([&](const auto& one) {
        return !one->strict_slash && base::without_last_slash(one->normal) == bare;
    });
}

std::string Endpoints::nearest(std::string_view path) const {
    std::vector<std::string_view> known;
    known.reserve(doors_.size());
    for (const auto& door : doors_) known.emplace_back(door->path);
    return std::string(base::nearest_path(path, known));
}

}  // namespace incm::ingest
