#include "incm/receiver/offline_inbox.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace incm::receiver {

base::Result<std::unique_ptr<OfflineInbox>> OfflineInbox::open(
    const std::string& path, std::optional<std::vector<ingest::Route>> routes,
    const std::optional<std::vector<ingest::Endpoint>>& endpoints, base::LogSink& log) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return base::Error{base::ErrorCode::kInboxUnusable, "there is no inbox " + path};
    }
    inbox::Options options{.path = path, .plugins = {}};
    // A plugin that was configured after the last run can be replayed to before its first.
    for (const ingest::Route& route : routes.value_or(std::vector<ingest::Route>())) {
        options.plugins.push_back({route.plugin, route.by_device, route.retry});
    }
    auto opened = inbox::Inbox::open(options, log);
    if (!opened.ok()) return opened.error();
    try {
        return std::unique_ptr<OfflineInbox>(
            new OfflineInbox(std::move(opened).value(), std::move(routes), endpoints));
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
    }
}

base::Result<std::unique_ptr<OfflineInbox>> OfflineInbox::open_to_read(
    const std::string& path, std::optional<std::vector<ingest::Route>> routes, base::LogSink& log) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return base::Error{base::ErrorCode::kInboxUnusable, "there is no inbox " + path};
    }
    auto opened = inbox::Reading::open(path, log);
    if (!opened.ok()) return opened.error();
    return std::unique_ptr<OfflineInbox>(
        new OfflineInbox(std::move(opened).value(), std::move(routes)));
}

OfflineInbox::OfflineInbox(std::unique_ptr<inbox::Reading> reading,
                           std::optional<std::vector<ingest::Route>> routes)
    : reading_(std::move(reading)), api_(reading_->catalog(), std::move(routes)) {}

OfflineInbox::OfflineInbox(std::unique_ptr<inbox::Inbox> inbox,
                           std::optional<std::vector<ingest::Route>> routes,
                           const std::optional<std::vector<ingest::Endpoint>>& endpoints)
    : inbox_(std::move(inbox)),
      ingest_(endpoints && routes
                  ? std::make_unique<ingest::Ingest>(*inbox_, *endpoints, *routes, counters_)
                  : nullptr),
      api_(*inbox_, std::move(routes), ingest_.get()) {}

}  // namespace incm::receiver
