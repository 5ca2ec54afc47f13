#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "incm/admin/canary_board.h"
#include "incm/admin/history.h"

namespace incm::admin {

/// The last reading of the configuration; the first one is that of the start.
struct LastReload {
    bool ok = true;
    std::int64_t at_ms = 0;       ///< Unix time of the last try
    std::int64_t good_at_ms = 0;  ///< Unix time of the last one that succeeded
    std::string error;            ///< why the last one failed; "" when it succeeded
};

/// What the receiver as a whole knows, for the admin pages.
struct ServerState {
    std::size_t connections = 0;  ///< of the alert listener, open now
    /// When the certificate of the alert listener expires, Unix seconds; none without TLS.
    std::optional<std::int64_t> certificate_end;
    std::int64_t started_at_ms = 0;  ///< Unix time
    LastReload reload;
    /// The versions of the parts, by name, as Python gave them.
    std::vector<std::pair<std::string, std::string>> build;
    std::string address;                       ///< of the alert listener, HOST:PORT
    std::optional<std::string> admin_address;  ///< likewise; none: there is no such listener
    std::optional<std::string> metrics_address;
    LastMinute last_minute;
    std::optional<std::int64_t> refuses_since_ms;  ///< as History::refuses_since_ms()
    std::optional<CanaryState> canary;             ///< none: no canaries are sent
};

}  // namespace incm::admin
