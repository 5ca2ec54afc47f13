#include "incm/receiver/receiver.h"

#include <algorithm>
#include <utility>

#include <sys/resource.h>

#include "incm/admin/readiness.h"
#include "incm/base/clock.h"
#include "incm/inbox/plugin_roll.h"
#include "incm/receiver/closed_answers.h"
#include "incm/receiver/open_inbox.h"
#include "incm/receiver/webhook_handler.h"

namespace incm::receiver {

namespace {

using base::Error;
using base::ErrorCode;

// Enough for health checks and one scraper; more would only cost threads.
constexpr std::size_t kAdminWorkers = 16;
constexpr std::size_t kAdminConnections = 256;
constexpr std::int64_t kLastAnswersMs = 500;
constexpr std::size_t kLargestRequestsAtOnce = 8;

std::vector<inbox::PluginOptions> plugins_of(const std::vector<ingest::Route>& routes) {
    std::vector<inbox::PluginOptions> plugins;
    plugins.reserve(routes.size());
    for (const ingest::Route& route : routes) {
        plugins.push_back({route.plugin, route.by_device, route.retry});
    }
    return plugins;
}

/// How many descriptors the connections of each listener may use.
struct Shares {
    std::size_t alerts = SIZE_MAX;
    std::size_t admin = SIZE_MAX;
};

/// Divide the descriptors, after raising the soft limit to the hard one. Some are left for the
/// inbox and the plugins.
Shares shares_of_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const auto all = static_cast<std::size_t>(limit.rlim_cur);
    const std::size_t kept = std::clamp<std::size_t>(all / 4, 64, 1024);
    return {.alerts = all > kept ? all - kept : 1, .admin = kept / 2};
}

Address bound(const Address& wanted, const http::Server& server) {
    return {wanted.host, server.port()};
}

}  // namespace

Receiver::Receiver(Config config, base::LogSink& log)
    : config_(std::move(config)),
      endpoints_(config_.endpoints),
      routes_(config_.routes),
      log_(log),
      inbox_log_(log),
      activity_(plugins_of(config_.routes)),
      history_(counters_, activity_),
      refusals_(log) {
    if (config_.access_log > 0) {
        access_log_ = std::make_unique<SampledAccessLog>(config_.access_log);
    }
    note_reload({});
}

Receiver::~Receiver() {
    stop();
}

base::Status Receiver::start() {
    auto opened = open_inbox(config_.inbox_url,
                             {.plugins = plugins_of(routes_),
                              .retention_ms = config_.retention_ms,
                              .reserve_bytes = config_.reserve_bytes,
                              .activity = &activity_},
                             /*may_create=*/true, inbox_log_, config_.backup_before_migrate);
    if (!opened.ok()) return opened.error();
    inbox_log_.over();
    inbox_ = std::move(opened).value();
    base::Status done = open_to_alerts();
    if (!done.ok()) close_all();
    return done;
}

base::Status Receiver::listen_closed(const base::Error& why) {
    {
        const std::lock_guard lock(why_mutex_);
        why_closed_ = why;
    }
    if (server_) return base::success();
    base::Status done = listen();
    if (!done.ok()) close_all();
    return done;
}

/// Answer with the inbox from now on, on the listeners that are open already, or open them.
base::Status Receiver::open_to_alerts() {
    try {
        ingest_ = std::make_unique<ingest::Ingest>(*inbox_, endpoints_, routes_, counters_);
    } catch (const base::Failure& failure) {
        return Error{failure.code(), failure.what()};
    }
    watch_silence(endpoints_);
    backlog_ = std::make_unique<admin::Backlog>(inbox_->catalog());
    api_ = std::make_unique<admin::AdminApi>(*inbox_, routes_, ingest_.get(), config_.plugins.get(),
                                             config_.reloads.get());
    alerts_answer_ = webhook_answer(
        *ingest_, counters_, refusals_, log_, config_.rules, [this] { return takes_alerts(); },
        config_.spans.get());
    if (config_.admin) admin_answer_ = admin_pages(*config_.admin, admin::Shows::kAll);
    if (config_.metrics) {
        metrics_answer_ = admin_pages(*config_.metrics, admin::Shows::kHealthAndMetrics);
    }
    started_at_ms_ = base::now().wall_ms;
    ready_ = true;
    is_open_ = true;
    return server_ ? base::success() : listen();
}

base::Status Receiver::listen() {
    const auto loaded = loaded_tls();
    if (!loaded.ok()) return loaded.error();
    use(loaded.value());
    server_ = std::make_unique<http::Server>(
        alerts_listener(),
        open_or_closed(closed_alerts_answer(counters_, refusals_, config_.rules), alerts_answer_));
    if (base::Status started = server_->start(); !started.ok()) return started;
    if (config_.metrics) {
        metrics_ = admin_listener(*config_.metrics, config_.metrics_fd,
                                  admin::Shows::kHealthAndMetrics, metrics_answer_);
        if (base::Status started = metrics_->start(); !started.ok()) {
            return Error{started.error().code, started.error().text + " (the metrics listener)"};
        }
    }
    if (config_.admin) {
        admin_ =
            admin_listener(*config_.admin, config_.admin_fd, admin::Shows::kAll, admin_answer_);
        if (base::Status started = admin_->start(); !started.ok()) {
            return Error{started.error().code,
                         started.error().text +
                             " (the admin listener: --admin names another address, "
                             "--admin off leaves it out)"};
        }
    }
    all_listen_ = true;
    return base::success();
}

/// Close everything after a start that failed, so that another start can begin.
void Receiver::close_all() {
    stop();
    is_open_ = all_listen_ = false;
    server_.reset();
    admin_.reset();
    metrics_.reset();
}

/// Return a handler that calls `open` once is_open_ is set, and `closed` before that. `open` need
/// not be set before is_open_.
http::Answer Receiver::open_or_closed(http::Answer closed, const http::Answer& open) const {
    return [this, closed = std::move(closed), &open](http::Request& request,
                                                     http::Response& response) {
        is_open_ ? open(request, response) : closed(request, response);
    };
}

base::Error Receiver::why_closed() const {
    const std::lock_guard lock(why_mutex_);
    return why_closed_;
}

bool Receiver::takes_alerts() const {
    return !admin::why_not_ready(*inbox_, ready_);
}

http::ServerOptions Receiver::alerts_listener() {
    http::ServerOptions options{.host = config_.listen.host,
                                .port = config_.listen.port,
                                .inherited = config_.listen_fd,
                                .rules = config_.rules,
                                .limits = config_.limits};
    options.rules.refused = refused(/*counted=*/true);
    options.rules.access = access_log_.get();
    options.limits.connections =
        std::min(options.limits.connections, shares_of_descriptors().alerts);
    options.limits.request_bytes = std::max(options.limits.request_bytes,
                                            kLargestRequestsAtOnce * options.rules.max_body_bytes);
    if (config_.tls) options.tls = [this] { return tls(); };
    return options;
}

std::unique_ptr<http::Server> Receiver::admin_listener(const Address& address,
                                                       std::optional<int> inherited,
                                                       admin::Shows shows,
                                                       const http::Answer& open) {
    const std::size_t share = shares_of_descriptors().admin / (config_.metrics ? 2 : 1);
    http::ServerOptions options{
        .host = address.host,
        .port = address.port,
        .inherited = inherited,
        .limits = {.workers = kAdminWorkers, .connections = std::min(kAdminConnections, share)}};
    options.rules.max_body_bytes = admin::kApiBodyBytes;
    options.rules.refused = refused(/*counted=*/false);
    http::Answer closed = closed_admin_answer(shows, hosts_of(address), config_.access, log_,
                                              [this] { return why_closed(); });
    return std::make_unique<http::Server>(std::move(options),
                                          open_or_closed(std::move(closed), open));
}

http::Answer Receiver::admin_pages(const Address& address, admin::Shows shows) {
    return admin::admin_answer(*inbox_, *api_, shows, counters_, activity_, ready_,
                               hosts_of(address), config_.access, log_,
                               [this] { return server_state(); });
}

/// Return the host names by which an admin listener may be addressed.
std::vector<std::string> Receiver::hosts_of(const Address& address) const {
    std::vector<std::string> hosts = config_.admin_hosts;
    hosts.push_back(address.host);
    return hosts;
}

/// counted: only refusals of the alert listener are counted.
http::Refused Receiver::refused(bool counted) {
    return [this, counted](const Error& error, const std::string& client) {
        if (counted) counters_.count_refused(error.code);
        refusals_.note(error, client, base::now().steady_ms);
    };
}

/// Read the TLS files; null without TLS.
base::Result<std::shared_ptr<const net::TlsContext>> Receiver::loaded_tls() const {
    if (!config_.tls) return std::shared_ptr<const net::TlsContext>();
    return net::TlsContext::load(*config_.tls, tls().get());
}

void Receiver::use(std::shared_ptr<const net::TlsContext> tls) {
    const std::lock_guard lock(tls_mutex_);
    tls_ = std::move(tls);
}

std::shared_ptr<const net::TlsContext> Receiver::tls() const {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
}

void Receiver::note_reload(std::string error) {
    const std::int64_t now_ms = base::now().wall_ms;
    const std::lock_guard lock(reload_mutex_);
    reload_.ok = error.empty();
    reload_.at_ms = now_ms;
    if (reload_.ok) reload_.good_at_ms = now_ms;
    reload_.error = std::move(error);
}

void Receiver::look() {
    history_.look(inbox_ && takes_alerts());
}

Address Receiver::listen_address() const {
    return bound(config_.listen, *server_);
}

std::optional<Address> Receiver::admin_address() const {
    if (!admin_) return std::nullopt;
    return bound(*config_.admin, *admin_);
}

std::optional<Address> Receiver::metrics_address() const {
    if (!metrics_) return std::nullopt;
    return bound(*config_.metrics, *metrics_);
}

inbox::Inbox& Receiver::inbox() {
    if (!inbox_) throw base::Failure({ErrorCode::kClosed, "the receiver is not started"});
    return *inbox_;
}

base::Status Receiver::reload(const std::vector<ingest::Endpoint>& endpoints,
                              std::vector<ingest::Route> routes) {
    auto next = ingest::Ingest::prepared(endpoints, routes);
    const auto tls = loaded_tls();
    if (!tls.ok()) return tls.error();
    std::vector<std::string> names;
    names.reserve(routes.size());
    for (const ingest::Route& route : routes) names.push_back(route.plugin);
    if (ingest_) {
        // The inbox knows each plugin before an alert is routed to it, and afterwards too.
        base::Status added = inbox_->plugins().add(plugins_of(routes));
        if (!added.ok()) return added;
        ingest_->serve(std::move(next));
        inbox_->plugins().keep(names);
        watch_silence(endpoints);
    }
    activity_.keep(names);
    use(tls.value());
    endpoints_ = endpoints;
    routes_ = std::move(routes);
    return base::success();
}

void Receiver::stop_listening(std::int64_t grace_ms) {
    ready_ = false;
    if (!server_) return;
    server_->drain(grace_ms);
    if (config_.reloads) config_.reloads->close();
    // Answers that wait for plugins are given now, because nothing else would end that wait soon.
    if (inbox_) inbox_->end_waits();
    server_->stop(kLastAnswersMs);
}

void Receiver::stop() {
    stop_listening(0);
    if (admin_) admin_->stop(0);
    if (metrics_) metrics_->stop(0);
    // Fetchers may still be inside the inbox in other threads, so it is closed here and freed with
    // this object.
    if (inbox_) inbox_->close();
    if (access_log_) access_log_->flush();
}

}  // namespace incm::receiver
