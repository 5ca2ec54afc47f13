#pragma once

#include <cstdint>
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

/// What is done before an older inbox is migrated; the settings of the same names in [inbox].
struct OfflineUpgrade {
    bool keep_copy = true;
    std::int64_t reserve_bytes = 0;
};

/// The admin API on an inbox that no server has open, without listeners and deliveries.
///
/// Threads: any.
class OfflineInbox {
 public:
    /// Open the inbox of a URL (open_inbox.h), under the lock that keeps servers from opening it at
    /// the same time. Creates no new inbox.
    ///
    /// routes: the configured plugins; empty when the configuration is not known. endpoints: the
    /// configured endpoints; without routes and endpoints no quarantined request can be tried
    /// again. upgrade: what is done before an older inbox is migrated; its reserve also holds for
    /// requests that are tried again. The log must outlive the object.
    /// Errors:  those of open_inbox(); kInboxUnusable when there is no inbox; kBadConfig for
    ///          endpoints that cannot work.
    [[nodiscard]] static base::Result<std::unique_ptr<OfflineInbox>> open(
        const std::string& url, std::optional<std::vector<ingest::Route>> routes,
        const std::optional<std::vector<ingest::Endpoint>>& endpoints,
        const OfflineUpgrade& upgrade, base::LogSink& log);

    /// Open the inbox only to read it. Nothing is written, not even a file beside it. Otherwise as
    /// open().
    [[nodiscard]] static base::Result<std::unique_ptr<OfflineInbox>> open_to_read(
        const std::string& url, std::optional<std::vector<ingest::Route>> routes,
        base::LogSink& log);

    [[nodiscard]] admin::ApiReply call(const admin::ApiRequest& request) const {
        return api_.call(request);
    }
    /// Close the inbox. Idempotent; call() fails from now on.
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
    std::unique_ptr<inbox::ReadOnlyInbox> read_only_;  ///< null when inbox_ is set
    std::unique_ptr<ingest::Ingest> ingest_;           ///< null without routes or endpoints
    admin::AdminApi api_;
};

}  // namespace incm::receiver
