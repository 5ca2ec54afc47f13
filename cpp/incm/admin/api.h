#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "incm/admin/backup_api.h"
#include "incm/admin/parameters.h"
#include "incm/admin/plugin_board.h"
#include "incm/admin/quarantine_api.h"
#include "incm/admin/reload_requests.h"
#include "incm/admin/state_api.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/ingest.h"

namespace incm::admin {

struct ApiRequest {
    std::string method;
    std::string target;        ///< path and query
    std::string content_type;  ///< "" when there is none
    std::string body;
};

struct ApiReply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::string allow;     ///< value of the Allow header; set with status 405
    bool changed = false;  ///< the call may have changed something (it was no dry run)
};

/// All paths of the API begin with this.
inline constexpr const char* kApiRoot = "/api/";
/// The longest body of a request, in bytes.
inline constexpr std::size_t kApiBodyBytes = 64 * 1024;

/// The admin API: lists alerts, shows the history of one, and retries, drops and replays
/// deliveries. It does not depend on HTTP connections, so that the command line can use it without
/// a server.
///
/// Shape:   GET /api/v1/alerts, /alerts/{id}, /stats, /dead, /quarantine, /quarantine/{id},
///          /state, /state/keys, /backup/progress; POST /api/v1/dead/retry, /dead/drop, /replay,
///          /quarantine/retry, /quarantine/drop, /state/drop, /backup, /backup/cancel, /reload
///          with a JSON object. Errors are problem documents. See docs/http-api.md.
/// Threads: call() from any.
/// Source:  docs/http-api.md, The admin API.
class AdminApi {
 public:
    /// routes: the configured plugins, unless ingest has them; empty when the configuration is not
    /// known. ingest: see QuarantineApi. plugins: the status of the plugins; null when none run.
    /// reloads: null when nothing can be reloaded. What is passed must outlive this object.
    AdminApi(inbox::Inbox& inbox, std::optional<std::vector<ingest::Route>> routes,
             ingest::Ingest* ingest = nullptr, const PluginBoard* plugins = nullptr,
             ReloadRequests* reloads = nullptr)
        : inbox_(&inbox),
          catalog_(inbox.catalog()),
          routes_(std::move(routes)),
          ingest_(ingest),
          plugins_(plugins),
          reloads_(reloads),
          quarantine_(catalog_, inbox_, ingest),
          state_(catalog_, inbox_),
          backup_(inbox_) {}
    /// Make an API that only reads; calls that change something are refused.
    AdminApi(inbox::Catalog& catalog, std::optional<std::vector<ingest::Route>> routes)
        : inbox_(nullptr),
          catalog_(catalog),
          routes_(std::move(routes)),
          ingest_(nullptr),
          plugins_(nullptr),
          reloads_(nullptr),
          quarantine_(catalog_, nullptr, nullptr),
          state_(catalog_, nullptr),
          backup_(nullptr) {}

    [[nodiscard]] ApiReply call(const ApiRequest& request) const;
    /// Return the status of the plugins; null when none run.
    [[nodiscard]] const PluginBoard* plugins() const { return plugins_; }

 private:
    using Text = base::Result<std::string>;
    struct Call;
    static const std::vector<Call>& calls();
    [[nodiscard]] base::Result<Parameters> parameters(const ApiRequest& request) const;
    [[nodiscard]] Text list_alerts(Parameters& given) const;
    [[nodiscard]] Text show_alert(Parameters& given) const;
    [[nodiscard]] Text show_statistics(Parameters& given) const;
    [[nodiscard]] Text list_dead(Parameters& given) const;
    [[nodiscard]] Text retry_dead(Parameters& given) const;
    [[nodiscard]] Text drop_dead(Parameters& given) const;
    [[nodiscard]] Text replay(Parameters& given) const;

    [[nodiscard]] Text list_quarantine(Parameters& given) const { return quarantine_.list(given); }
    [[nodiscard]] Text show_rejected(Parameters& given) const { return quarantine_.show(given); }
    [[nodiscard]] Text retry_rejected(Parameters& given) const { return quarantine_.retry(given); }
    [[nodiscard]] Text drop_rejected(Parameters& given) const { return quarantine_.drop(given); }

    [[nodiscard]] Text list_states(Parameters& given) const;
    [[nodiscard]] Text list_keys(Parameters& given) const { return state_.keys(given); }
    [[nodiscard]] Text drop_keys(Parameters& given) const { return state_.drop(given); }

    [[nodiscard]] Text show_backup(Parameters& given) const { return backup_.show(given); }
    [[nodiscard]] Text start_backup(Parameters& given) const { return backup_.start(given); }
    [[nodiscard]] Text cancel_backup(Parameters& given) const { return backup_.cancel(given); }

    [[nodiscard]] Text reload(Parameters& given) const;
    [[nodiscard]] Text change_dead(Parameters& given, inbox::OperatorAction how,
                                   const char* word) const;
    [[nodiscard]] base::Result<std::int64_t> change_ids(
        inbox::OperatorAction how, const std::vector<std::int64_t>& ids,
        const std::optional<std::string>& name) const;
    [[nodiscard]] std::shared_ptr<const std::vector<ingest::Route>> routes() const;
    [[nodiscard]] std::shared_ptr<const ingest::Route> route(const std::string& plugin) const;
    [[nodiscard]] std::optional<bool> configured(const std::string& plugin) const;
    [[nodiscard]] std::optional<PluginStatus> status(const std::string& plugin) const;

    inbox::Inbox* inbox_;  ///< null: the API only reads
    inbox::Catalog& catalog_;
    const std::optional<std::vector<ingest::Route>> routes_;
    const ingest::Ingest* const ingest_;  ///< null: routes_ has the routes
    const PluginBoard* const plugins_;
    ReloadRequests* const reloads_;
    const QuarantineApi quarantine_;
    const StateApi state_;
    const BackupApi backup_;
    // A page may have megabytes, and its answer as many again, so only one is made at a time.
    const std::unique_ptr<std::mutex> making_page_ = std::make_unique<std::mutex>();
};

}  // namespace incm::admin
