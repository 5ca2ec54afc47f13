#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "incm/admin/access.h"
#include "incm/admin/plugin_board.h"
#include "incm/admin/reload_requests.h"
#include "incm/http/connection_manager.h"
#include "incm/http/connection_rules.h"
#include "incm/ingest/endpoints.h"
#include "incm/ingest/ingest.h"
#include "incm/net/tls_context.h"
#include "incm/receiver/address.h"
#include "incm/receiver/request_spans.h"

namespace incm::receiver {

/// What a Receiver is made of.
struct Config {
    Address listen;
    std::optional<int> listen_fd;  ///< see http::ServerOptions::inherited
    std::optional<int> admin_fd;   ///< the same for the admin listener
    std::optional<Address> admin;  ///< none: no admin listener
    /// A listener with only health and metrics; none: no such listener.
    std::optional<Address> metrics;
    std::optional<int> metrics_fd;  ///< as admin_fd
    /// Host names by which both may be addressed, besides their own.
    std::vector<std::string> admin_hosts;
    /// Who may call the admin API; the caller may change its tokens at any time.
    std::shared_ptr<admin::Access> access = std::make_shared<admin::Access>();
    std::string inbox_url;  ///< see open_inbox.h
    std::vector<ingest::Endpoint> endpoints;
    std::vector<ingest::Route> routes;
    http::ConnectionRules rules;  ///< of the alert listener, except `refused`
    /// Of the alert listener; connections also stay below the descriptor limit.
    http::ConnectionLimits limits;
    std::optional<net::TlsFiles> tls;   ///< of the alert listener; none: plain TCP
    std::int64_t retention_ms = 0;      ///< see inbox::Options
    std::int64_t reserve_bytes = 0;     ///< see inbox::Options
    bool backup_before_migrate = true;  ///< see open_inbox()
    double access_log = 0.0;            ///< the share of requests that get a line in the log
    /// Status of the plugins; null when none run.
    std::shared_ptr<const admin::PluginBoard> plugins;
    /// Where the admin API asks for a reload; null: it cannot.
    std::shared_ptr<admin::ReloadRequests> reloads;
    /// The versions of the parts, by name, for the admin pages.
    std::vector<std::pair<std::string, std::string>> build;
    /// Gets the spans of requests; null: there are no traces.
    std::shared_ptr<RequestSpans> spans;
};

}  // namespace incm::receiver
