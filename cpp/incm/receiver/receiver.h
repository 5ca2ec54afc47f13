#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "incm/admin/access.h"
#include "incm/admin/api.h"
#include "incm/admin/backlog.h"
#include "incm/admin/canary_board.h"
#include "incm/admin/findings.h"
#include "incm/admin/handler.h"
#include "incm/admin/history.h"
#include "incm/admin/plugin_board.h"
#include "incm/admin/server_state.h"
#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/http/server.h"
#include "incm/inbox/activity.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"
#include "incm/ingest/ingest.h"
#include "incm/net/tls_context.h"
#include "incm/receiver/address.h"
#include "incm/receiver/config.h"
#include "incm/receiver/refusal_log.h"
#include "incm/receiver/request_spans.h"
#include "incm/receiver/sampled_access_log.h"
#include "incm/receiver/start_log.h"

namespace incm::receiver {

/// The composition root: inbox, ingest and listeners, with one life cycle.
///
/// constructed (nothing is open) -> start() -> stop_listening() -> stop(). A receiver is started
/// only once, but a start() that failed may be repeated, and listen_closed() listens until it
/// succeeds.
/// Threads: every method from any thread; start(), listen_closed(), reload() before the start,
///           stop_listening() and stop() one after the other.
class Receiver {
 public:
    Receiver(Config config, base::LogSink& log);
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    /// Calls stop().
    ~Receiver();

    /// Open the inbox, then bind the listeners. The soft limit of descriptors is raised to the hard
    /// limit.
    ///
    /// After listen_closed() the listeners and their connections stay, and from now on alerts are
    /// taken on them.
    /// Errors:  those of open_inbox(): only what listen_closed() opened stays open. Those of
    ///          TlsContext::load() and Server::start(), and kBadConfig for endpoints that cannot
    ///          work: nothing stays open.
    [[nodiscard]] base::Status start();

    /// Listen without an inbox: alerts are answered 503, and the admin listener shows why. A
    /// further call changes the reason.
    /// Errors:  as start(), except those of the inbox; nothing stays open then.
    [[nodiscard]] base::Status listen_closed(const base::Error& why);

    /// Return the addresses of the listeners; valid after start() and listen_closed().
    [[nodiscard]] Address listen_address() const;
    [[nodiscard]] std::optional<Address> admin_address() const;
    [[nodiscard]] std::optional<Address> metrics_address() const;

    /// Return the inbox to fetch from; valid between start() and stop().
    /// Errors:  Failure(kClosed) otherwise.
    [[nodiscard]] inbox::Inbox& inbox();

    /// Use these endpoints and routes for requests from now on, in one step, and read the TLS files
    /// again, for connections from now on. Blocks until the inbox knows new plugins.
    /// Errors:  Failure(kBadConfig); as TlsContext::load(), PluginRoll::add(): nothing has changed.
    [[nodiscard]] base::Status reload(const std::vector<ingest::Endpoint>& endpoints,
                                      std::vector<ingest::Route> routes);

    /// Note, for the admin pages, a reload. error: why it changed nothing; "" when it succeeded.
    void note_reload(std::string error);

    /// Sample for the admin pages; call it at least once a second between start() and stop().
    void look();

    /// As admin::findings_of(). Errors: kStoreFailed, kClosed.
    [[nodiscard]] base::Result<std::vector<admin::Finding>> findings();

    /// As ingest::Ingest::raise(). Errors: also kClosed before start().
    [[nodiscard]] base::Result<std::int64_t> raise(std::string text, const std::string& about);

    /// Expect canaries that contain the mark: at most overdue_after_ms between two that come back.
    void watch_canary(std::string mark, std::int64_t overdue_after_ms);
    [[nodiscard]] admin::CanaryBoard& canary() noexcept { return canary_; }

    /// When the thread that watches the clients was last active, in steady milliseconds.
    [[nodiscard]] std::int64_t beat_ms() const { return server_->beat_ms(); }

    /// Become not ready: accept no connection, and finish the answers under way within grace_ms.
    /// The backlog of an inherited socket is left for another process that has it too.
    void stop_listening(std::int64_t grace_ms);

    /// Call stop_listening(0) if that was not done, then close the inbox. Idempotent.
    void stop();

    [[nodiscard]] const ingest::Counters& counters() const { return counters_; }
    /// Count spans, for the metrics.
    void count_spans(std::uint64_t sent, std::uint64_t dropped) {
        counters_.count_spans(sent, dropped);
    }
    /// Where the ends of attempts are noted.
    [[nodiscard]] inbox::Activity& activity() noexcept { return activity_; }

 private:
    /// Whether alerts can be stored now, whether or not the plugins get them.
    [[nodiscard]] bool takes_alerts() const;
    [[nodiscard]] base::Status open_to_alerts();
    [[nodiscard]] base::Status listen();
    [[nodiscard]] base::Result<std::shared_ptr<const net::TlsContext>> loaded_tls() const;
    void use(std::shared_ptr<const net::TlsContext> tls);
    void close_all();
    [[nodiscard]] http::Answer open_or_closed(http::Answer closed, const http::Answer& open) const;
    [[nodiscard]] http::ServerOptions alerts_listener();
    [[nodiscard]] std::unique_ptr<http::Server> admin_listener(const Address& address,
                                                               std::optional<int> inherited,
                                                               admin::Shows shows,
                                                               const http::Answer& open);
    [[nodiscard]] http::Answer admin_pages(const Address& address, admin::Shows shows);
    [[nodiscard]] std::vector<std::string> hosts_of(const Address& address) const;
    [[nodiscard]] base::Error why_closed() const;
    [[nodiscard]] http::Refused refused(bool counted);
    [[nodiscard]] std::shared_ptr<const net::TlsContext> tls() const;
    [[nodiscard]] admin::ServerState server_state() const;
    void watch_silence(const std::vector<ingest::Endpoint>& endpoints);

    const Config config_;
    std::vector<ingest::Endpoint> endpoints_;  ///< used by start(), like routes_
    std::vector<ingest::Route> routes_;
    base::LogSink& log_;
    StartLog inbox_log_;
    ingest::Counters counters_;
    inbox::Activity activity_;
    admin::History history_;
    admin::CanaryBoard canary_;
    std::atomic<std::int64_t> started_at_ms_{0};
    RefusalLog refusals_;
    std::unique_ptr<SampledAccessLog> access_log_;  ///< null: none is wanted
    std::atomic<bool> ready_{false};
    std::atomic<bool> is_open_{false};  ///< whether requests go to the handlers below
    http::Answer alerts_answer_;        ///< these do not change while is_open_
    http::Answer admin_answer_;
    http::Answer metrics_answer_;
    mutable std::mutex why_mutex_;  // protects why_closed_
    base::Error why_closed_{};
    mutable std::mutex reload_mutex_;  // protects reload_
    admin::LastReload reload_;
    mutable std::mutex tls_mutex_;  // protects tls_
    std::shared_ptr<const net::TlsContext> tls_;
    std::unique_ptr<inbox::Inbox> inbox_;
    std::unique_ptr<ingest::Ingest> ingest_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<admin::AdminApi> api_;
    std::unique_ptr<admin::Backlog> backlog_;  ///< for findings()
    std::unique_ptr<http::Server> admin_;
    std::unique_ptr<http::Server> metrics_;
    std::atomic<bool> all_listen_{false};  ///< the listeners do not change while it is set
};

}  // namespace incm::receiver
