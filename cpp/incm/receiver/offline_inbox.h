#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "incm/admin/api.h"
#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/read_only_inbox.h"
#include "incm/ingest/ingest.h"

namespace incm::receiver {

/// The admin API over an inbox that no server has open: no listeners, no deliveries.
///
/// Threads: any.
class OfflineInbox {
 public:
    /// Open the inbox that a URL names (open_inbox.h), under the lock that keeps a server from
    /// opening it meanwhile. Makes no new one.
    ///
    /// routes: the configured plugins; empty when no configuration is at hand. endpoints: the
    /// same; without both nothing of the quarantine can be tried again.
    /// Errors:  those of open_inbox(); kInboxUnusable when there is no inbox; kBadConfig for
    ///          endpoints that cannot work. The log must outlive the object.
    [[nodiscard]] static base::Result<std::unique_ptr<OfflineInbox>> open(
        const std::string& url, std::optional<std::vector<ingest::Route>> routes,
        const std::optional<std::vector<ingest::Endpoint>>& endpoints, base::LogSink& log);

    /// As open(), but only to read: nothing is written, not even beside a file.
    [[nodiscard]] static base::Result<std::unique_ptr<OfflineInbox>> open_to_read(
        const std::string& url, std::optional<std::vector<ingest::Route>> routes,
        base::LogSink& log);

    [[nodiscard]] admin::ApiReply call(const admin::ApiRequest& request) const {
        return api_.call(request);
    }
    /// Idempotent; call() fails from now on.
    void close() {
        if (inbox_) inbox_->close();
        if (read_only_) read_only_->close();
    }

 private:
    OfflineInbox(std::unique_ptr<inbox::Inbox> inbox,
                 std::optional<std::vector<ingest::Route>> routes,
                 const std::optional<std::vector<ingest::Endpoint>>& endpoints);

    OfflineInbox(std::unique_ptr<inbox::ReadOnlyInbox> read_only,
                 std::optional<std::vector<ingest::Route>> routes);

    ingest::Counters counters_;
    std::unique_ptr<inbox::Inbox> inbox_;              ///< null when it is only read
    std::unique_ptr<inbox::ReadOnlyInbox> read_only_;  ///< null when it is not
    std::unique_ptr<ingest::Ingest> ingest_;           ///< null when not all is at hand
    admin::AdminApi api_;
};

}  // namespace incm::receiver
