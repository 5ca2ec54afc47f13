#include "incm/receiver/receiver.h"

#include <charconv>
#include <utility>

#include "incm/base/clock.h"
#include "incm/http/admin_handler.h"
#include "incm/http/webhook_handler.h"

namespace incm::receiver {

namespace {

using base::Error;
using base::ErrorCode;

// Health checks and one scraper; more would only cost threads.
constexpr int kAdminConnections = 16;
constexpr std::int64_t kLastAnswersMs = 500;

std::vector<inbox::PluginOptions> plugins_of(const std::vector<ingest::Route>& routes) {
    std::vector<inbox::PluginOptions> plugins;
    plugins.reserve(routes.size());
    for (const ingest::Route& route : routes) plugins.push_back({route.plugin, route.by_device});
    return plugins;
}

Address bound(const Address& wanted, const http::Server& server) {
    return {wanted.host, server.port()};
}

}  // namespace

std::string Address::text() const {
    const bool ipv6 = host.find(':') != std::string::npos;
    return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

base::Result<Address> parse_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const Error wrong{ErrorCode::kBadConfig, "\"" + text + "\" is no HOST:PORT"};
    if (colon == std::string::npos || colon == 0) return wrong;
    std::string host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.back() != ']' || host.size() < 3) return wrong;
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return wrong;
    }
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data() + colon + 1, end, port);
    if (failed != std::errc() || rest != end) return wrong;
    return Address{std::move(host), port};
}

Receiver::Receiver(Config config, base::LogSink& log)
    : config_(std::move(config)), log_(log), refusals_(log) {}

Receiver::~Receiver() {
    stop();
}

base::Status Receiver::start() {
    auto opened = inbox::Inbox::open({.path = config_.inbox_path,
                                      .plugins = plugins_of(config_.routes),
                                      .retention_ms = config_.retention_ms,
                                      .reserve_bytes = config_.reserve_bytes},
                                     log_);
    if (!opened.ok()) return opened.error();
    inbox_ = std::move(opened).value();
    base::Status listening = listen();
    if (!listening.ok()) stop();
    return listening;
}

base::Status Receiver::listen() {
    try {
        ingest_ = std::make_unique<ingest::Ingest>(*inbox_, config_.endpoints, config_.routes);
    } catch (const base::Failure& failure) {
        return Error{failure.code(), failure.what()};
    }
    server_ = std::make_unique<http::Server>(
        http::ServerOptions{.host = config_.listen.host,
                            .port = config_.listen.port,
                            .listen_fd = config_.listen_fd,
                            .max_connections = config_.max_connections,
                            .guard = guard(/*counted=*/true)},
        http::webhook_answer(*ingest_, counters_, refusals_, log_, config_.max_body_bytes));
    if (base::Status started = server_->start(); !started.ok()) return started;
    ready_ = true;
    if (!config_.admin) return base::success();
    api_ = std::make_unique<http::AdminApi>(*inbox_, config_.routes);
    admin_ = std::make_unique<http::Server>(
        http::ServerOptions{.host = config_.admin->host,
                            .port = config_.admin->port,
                            .listen_fd = config_.admin_fd,
                            .max_connections = kAdminConnections,
                            .guard = guard(/*counted=*/false)},
        http::admin_answer(*inbox_, *api_, counters_, ready_, config_.admin->host, log_));
    base::Status started = admin_->start();
    if (started.ok()) return started;
    return Error{started.error().code, started.error().text +
                                           " (the admin listener: --admin names another address, "
                                           "--admin off leaves it out)"};
}

/// counted: the counters tell about the alerts' listener alone.
http::GuardSettings Receiver::guard(bool counted) {
    return {.header_timeout_ms = config_.header_timeout_ms,
            .body_timeout_ms = config_.body_timeout_ms,
            .refused = [this, counted](const Error& error, const std::string& peer) {
                if (counted) counters_.count_refused(error.code);
                refusals_.note(error, peer, base::now().steady_ms);
            }};
}

Address Receiver::listen_address() const {
    return bound(config_.listen, *server_);
}

std::optional<Address> Receiver::admin_address() const {
    if (!admin_) return std::nullopt;
    return bound(*config_.admin, *admin_);
}

inbox::Inbox& Receiver::inbox() {
    if (!inbox_) throw base::Failure({ErrorCode::kClosed, "the receiver is not started"});
    return *inbox_;
}

void Receiver::set_endpoints(const std::vector<ingest::Endpoint>& endpoints) {
    if (!ingest_) throw base::Failure({ErrorCode::kClosed, "the receiver is not started"});
    ingest_->set_endpoints(endpoints);
}

void Receiver::stop_listening(std::int64_t grace_ms) {
    ready_ = false;
    if (!server_) return;
    server_->drain(grace_ms);
    // Whoever waits for plugins gets an answer now: nothing else would end that wait soon.
    inbox_->end_waits();
    server_->drain(kLastAnswersMs);
}

void Receiver::stop() {
    stop_listening(0);
    if (server_) server_->cut();
    if (admin_) admin_->drain(0);
    // Takers may still be inside the inbox in other threads, so it is closed here and freed with
    // this object. Idle threads of the servers take their time to end: the inbox is free before.
    if (inbox_) inbox_->close();
    if (server_) server_->stop(0);
    if (admin_) admin_->stop(0);
}

}  // namespace incm::receiver
