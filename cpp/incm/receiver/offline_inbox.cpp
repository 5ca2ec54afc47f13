#include "incm/receiver/offline_inbox.h"

#include <utility>

#include "incm/receiver/open_inbox.h"

namespace incm::receiver {

base::Result<std::unique_ptr<OfflineInbox>> OfflineInbox::open(
    const std::string& url, std::optional<std::vector<ingest::Route>> routes,
    const std::optional<std::vector<ingest::Endpoint>>& endpoints, const OfflineUpgrade& upgrade,
    base::LogSink& log) {
    inbox::Options options{.plugins = {}, .reserve_bytes = upgrade.reserve_bytes};
    // With all configured plugins, alerts can be replayed to a plugin that no server has run yet.
    for (const ingest::Route& route : routes.value_or(std::vector<ingest::Route>())) {
        options.plugins.push_back({route.plugin, route.by_device, route.retry});
    }
    auto opened = open_inbox(url, options, /*may_create=*/false, log, upgrade.keep_copy);
    if (!opened.ok()) return opened.error();
    try {
        return std::unique_ptr<OfflineInbox>(
            new OfflineInbox(std::move(opened).value(), std::move(routes), endpoints));
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
    }
}

base::Result<std::unique_ptr<OfflineInbox>> OfflineInbox::open_to_read(
    const std::string& url, std::optional<std::vector<ingest::Route>> routes, base::LogSink& log) {
    auto opened = open_inbox_to_read(url, log);
    if (!opened.ok()) return opened.error();
    return std::unique_ptr<OfflineInbox>(
        new OfflineInbox(std::move(opened).value(), std::move(routes)));
}

OfflineInbox::OfflineInbox(std::unique_ptr<inbox::ReadOnlyInbox> read_only,
                           std::optional<std::vector<ingest::Route>> routes)
    : read_only_(std::move(read_only)), api_(read_only_->catalog(), std::move(routes)) {}

OfflineInbox::OfflineInbox(std::unique_ptr<inbox::Inbox> inbox,
                           std::optional<std::vector<ingest::Route>> routes,
                           const std::optional<std::vector<ingest::Endpoint>>& endpoints)
    : inbox_(std::move(inbox)),
      ingest_(endpoints && routes
                  ? std::make_unique<ingest::Ingest>(*inbox_, *endpoints, *routes, counters_)
                  : nullptr),
      api_(*inbox_, std::move(routes), ingest_.get()) {}

}  // namespace incm::receiver
