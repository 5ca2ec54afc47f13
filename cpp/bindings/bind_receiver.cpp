#include <cmath>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bind_clients.h"
#include "bind_tokens.h"
#include "bind_watch.h"
#include "bindings.h"
#include "running.h"
#include "state_changes.h"
#include <pybind11/stl.h>

#include "incm/base/clock.h"
#include "incm/inbox/plugin_roll.h"
#include "incm/receiver/receiver.h"

namespace incm::bindings {

namespace {

using Spans = receiver::RequestSpans;
using WithoutGil = py::call_guard<py::gil_scoped_release>;

/// The outcomes of a call that failed, by their names in Python.
inbox::Outcome outcome_named(const std::string& name) {
    if (name == "retry") return inbox::Outcome::kRetry;
    if (name == "unavailable") return inbox::Outcome::kUnavailable;
    if (name == "rejected") return inbox::Outcome::kRejected;
    if (name == "dead") return inbox::Outcome::kDead;
    throw py::value_error("no outcome " + name);
}

class ReceiverView {
 public:
    explicit ReceiverView(receiver::Config config)
        : running_(std::make_shared<Running>(std::move(config))) {}

    void start() { value_or_throw(native().start()); }
    void listen_closed(const std::string& why) {
        value_or_throw(native().listen_closed({base::ErrorCode::kInboxUnavailable, why}));
    }
    void stop_listening(double grace_s) { native().stop_listening(milliseconds(grace_s)); }
    void stop() { native().stop(); }
    void reload(const std::vector<ingest::Endpoint>& endpoints, std::vector<ingest::Route> routes) {
        value_or_throw(native().reload(endpoints, std::move(routes)));
    }
    void hurry(const std::string& plugin) { native().inbox().plugins().hurry(plugin); }
    void resume(const std::string& plugin, bool by_device) {
        value_or_throw(native().inbox().plugins().resume(plugin, by_device));
    }
    receiver::Receiver& native() { return running_->receiver; }
    std::optional<std::string> admin_address() { return text_of(native().admin_address()); }
    std::optional<std::string> metrics_address() { return text_of(native().metrics_address()); }

    py::list fetch(const std::string& plugin, std::size_t max_items, double timeout_s,
                   std::size_t max_retries) {
        std::vector<DeliveryView> views = [&] {
            const py::gil_scoped_release release;
            return read(value_or_throw(native().inbox().fetch(
                plugin, max_items, std::llround(timeout_s * 1000), max_retries)));
        }();
        auto list = py::reinterpret_steal<py::list>(PyList_New(0));
        if (!list) throw py::error_already_set();
        for (DeliveryView& view : views) {
            if (view.alert) list.append(py::cast(std::move(view)));
        }
        return list;
    }

    void delivered(const std::vector<DeliveryView*>& views, const std::vector<double>& durations_s,
                   StateChanges state) {
        if (views.size() != durations_s.size()) {
            throw py::value_error("delivered() needs one duration for each delivery");
        }
        std::vector<inbox::Settlement> all;
        all.reserve(views.size());
        for (std::size_t i = 0; i < views.size(); ++i) {
            all.push_back({.alert_id = views[i]->delivery.alert_id,
                           .plugin = views[i]->delivery.plugin,
                           .outcome = inbox::Outcome::kDelivered,
                           .duration_ms = milliseconds(durations_s[i]),
                           .error = {}});
        }
        native().inbox().settle(std::move(all), std::move(state));
        for (std::size_t i = 0; i < views.size(); ++i) {
            end(*views[i], inbox::Outcome::kDelivered, durations_s[i]);
        }
    }

    void settle_failed(const std::vector<DeliveryView*>& views,
                       const std::vector<std::pair<std::string, double>>& outcomes,
                       const std::string& error, double duration_s, const std::string& traceback,
                       StateChanges state) {
        if (views.size() != outcomes.size()) {
            throw py::value_error("settle_failed() needs one outcome for each delivery");
        }
        std::vector<inbox::Settlement> all;
        all.reserve(views.size());
        for (std::size_t i = 0; i < views.size(); ++i) {
            const auto& [outcome, delay_s] = outcomes[i];
            all.push_back({.alert_id = views[i]->delivery.alert_id,
                           .plugin = views[i]->delivery.plugin,
                           .outcome = outcome_named(outcome),
                           .retry_in_ms = milliseconds(delay_s),
                           .duration_ms = milliseconds(duration_s),
                           .error = error,
                           .traceback = traceback});
        }
        native().inbox().settle(std::move(all), std::move(state));
        for (std::size_t i = 0; i < views.size(); ++i) {
            end(*views[i], outcome_named(outcomes[i].first), duration_s);
        }
    }

    std::unique_ptr<StateView> state(std::string plugin) {
        return std::make_unique<StateView>(running_, std::move(plugin));
    }

    HealthView health() { return HealthView(running_); }

    void give_back(const std::vector<DeliveryView*>& views) {
        for (DeliveryView* view : views) {
            native().inbox().give_back(view->delivery.plugin, {&view->delivery.alert_id, 1});
            view->end();
        }
    }

 private:
    /// Note that an attempt has ended, and was settled.
    void end(DeliveryView& view, inbox::Outcome outcome, double duration_s) {
        view.end();
        const auto plugin = native().activity().of(view.delivery.plugin);
        if (plugin == nullptr) return;
        plugin->ended(outcome, std::llround(duration_s * 1e6), view.waited_ms());
    }

    static std::optional<std::string> text_of(const std::optional<receiver::Address>& address) {
        return address ? std::optional(address->text()) : std::nullopt;
    }

    std::vector<DeliveryView> read(std::vector<inbox::Delivery> fetched) {
        std::vector<DeliveryView> views;
        try {
            views.reserve(fetched.size());
        } catch (const std::bad_alloc&) {
            for (const inbox::Delivery& delivery : fetched) {
                native().inbox().give_back(delivery.plugin, {&delivery.alert_id, 1});
            }
            throw;
        }
        for (inbox::Delivery& delivery : fetched) views.emplace_back(std::move(delivery), running_);
        for (DeliveryView& view : views) {
            base::Result<model::Alert> alert = model::parse_alert(std::move(view.delivery.text));
            if (alert.ok()) {
                view.alert = std::make_shared<model::Alert>(std::move(alert).value());
            } else {  // the file is damaged: no other attempt could read it
                settle_failed({&view}, {{"dead", 0}}, "its text: " + alert.error().text, 0, {}, {});
            }
        }
        return views;
    }

    std::shared_ptr<Running> running_;
};

std::unique_ptr<ReceiverView> make_receiver(
    const std::string& listen, const std::optional<std::string>& admin, std::string inbox_url,
    std::vector<ingest::Endpoint> endpoints, std::vector<ingest::Route> routes, ClientRules clients,
    double retention, std::int64_t reserve_bytes, std::optional<int> listen_fd,
    std::optional<int> admin_fd, const std::shared_ptr<WatchView>& watch,
    const std::optional<std::string>& metrics, std::optional<int> metrics_fd,
    std::vector<std::string> admin_hosts, double access_log,
    std::vector<std::pair<std::string, std::string>> build, std::shared_ptr<Spans> spans,
    std::shared_ptr<admin::ReloadRequests> reloads, const std::shared_ptr<AdminTokensView>& tokens,
    bool backup_before_migrate) {
    receiver::Config config{.listen = value_or_throw(receiver::parse_address(listen)),
                            .listen_fd = listen_fd,
                            .admin_fd = admin_fd,
                            .admin = std::nullopt,
                            .metrics = std::nullopt,
                            .metrics_fd = metrics_fd,
                            .admin_hosts = std::move(admin_hosts),
                            .access = access_of(tokens),
                            .inbox_url = std::move(inbox_url),
                            .endpoints = std::move(endpoints),
                            .routes = std::move(routes),
                            .rules = std::move(clients.rules),
                            .limits = clients.limits,
                            .tls = std::move(clients.tls),
                            .retention_ms = milliseconds(retention),
                            .reserve_bytes = reserve_bytes,
                            .backup_before_migrate = backup_before_migrate,
                            .access_log = access_log,
                            .plugins = board_of(watch),
                            .reloads = std::move(reloads),
                            .build = std::move(build),
                            .spans = std::move(spans)};
    if (admin) config.admin = value_or_throw(receiver::parse_address(*admin));
    if (metrics) config.metrics = value_or_throw(receiver::parse_address(*metrics));
    return std::make_unique<ReceiverView>(std::move(config));
}

/// Return counters and row counts by name; the row counts are missing while the inbox is closed.
py::dict stats(ReceiverView& self) {
    const ingest::Counters& counters = self.native().counters();
    py::dict all;
    all["accepted"] = counters.accepted();
    all["duplicate"] = counters.duplicates();
    all["refused"] = counters.refused();
    const auto counts = [&] {
        const py::gil_scoped_release release;
        return self.native().inbox().counts();
    }();
    if (!counts.ok()) return all;
    all["alerts"] = counts.value().alerts;
    all["open"] = counts.value().open;
    all["dead"] = counts.value().dead;
    all["quarantined"] = counts.value().quarantined.total();
    return all;
}

}  // namespace

void bind_receiver(py::module_& module) {
    py::class_<ReceiverView>(module, "Receiver",
                             R"(The listening server, its inbox, and the deliveries that wait.

Constructed (nothing is open) -> start() -> stop_listening() -> stop(). It is started only once.
Threads: any; every call that can block releases the GIL, and no thread of the core ever takes it.
Source:  docs/architecture.md, Pull, not push.)")
        .def(
            py::init(&make_receiver), py::kw_only(), py::arg("listen"), py::arg("admin"),
            py::arg("inbox"), py::arg("endpoints"), py::arg("routes"),
            py::arg("clients") = ClientRules(), py::arg("retention") = 0.0,
            py::arg("reserve_bytes") = 0, py::arg("listen_fd") = py::none(),
            py::arg("admin_fd") = py::none(), py::arg("watch") = py::none(),
            py::arg("metrics") = py::none(), py::arg("metrics_fd") = py::none(),
            py::arg("admin_hosts") = std::vector<std::string>{}, py::arg("access_log") = 0.0,
            py::arg("build") = std::vector<std::pair<std::string, std::string>>{},
            py::arg("spans") = py::none(), py::arg("reloads") = py::none(),
            py::arg("tokens") = py::none(), py::arg("backup_before_migrate") = true,
            "listen, admin and metrics: HOST:PORT. inbox: a URL such as sqlite:PATH. clients: the "
            "rules of the alert listener. retention: seconds, 0: no limit. listen_fd, admin_fd and "
            "metrics_fd: listening sockets to serve instead of binding; the caller keeps them. "
            "watch: has the status of the plugins, for the admin listener. admin_hosts: host names "
            "by which admin and metrics may be addressed. access_log: the share of requests that "
            "get a line in the log. build: names and versions of the parts, for the admin "
            "listener. spans: gets the spans of requests. reloads: where the admin API asks for a "
            "reload. tokens: who may call the API of the admin listener. backup_before_migrate: "
            "keep a copy of an older inbox before its tables are changed.\n\n"
            "Errors:  ConfigError for an address that cannot be read.")
        .def("start", &ReceiverView::start, WithoutGil(),
             "Open the inbox and listen.\n\n"
             "Errors:  InboxError: only what listen_closed() opened stays open. ListenError, "
             "ConfigError: nothing stays open.")
        .def(
            "listen_closed", &ReceiverView::listen_closed, WithoutGil(), py::arg("why"),
            "Listen without an inbox: alerts are answered 503, and the admin listener shows why. A "
            "later start() keeps the connections.\n\n"
            "Errors:  ListenError, ConfigError.")
        .def_property_readonly(
            "address", [](ReceiverView& self) { return self.native().listen_address().text(); })
        .def_property_readonly("admin_address", &ReceiverView::admin_address)
        .def_property_readonly("metrics_address", &ReceiverView::metrics_address)
        .def("fetch", &ReceiverView::fetch, py::arg("plugin"), py::arg("max_items"),
             py::arg("timeout"), py::arg("max_retries") = SIZE_MAX,
             "Fetch up to max_items due deliveries of a plugin; waits up to timeout seconds for "
             "one. At most max_retries deliveries that failed before are under way at a time, "
             "over all calls.\n\n"
             "A delivery that is destroyed before it is settled or given back is given back.\n\n"
             "Errors:  ClosedError after stop(), InboxError when the inbox cannot be read or "
             "written, MemoryError. Nothing is fetched then.")
        .def("delivered", &ReceiverView::delivered, WithoutGil(), py::arg("deliveries"),
             py::arg("durations"), py::arg("state") = py::tuple(),
             "Settle deliveries that the plugin handled. durations: seconds for each. state: pairs "
             "of key and JSON text, None to delete the key, which are stored with the outcome.\n\n"
             "Errors:  ValueError when there is not one duration for each delivery.")
        .def("settle_failed", &ReceiverView::settle_failed, WithoutGil(), py::arg("deliveries"),
             py::arg("outcomes"), py::arg("error"), py::arg("duration"), py::arg("traceback"),
             py::arg("state") = py::tuple(),
             "Settle the deliveries of a call that failed. outcomes: for each the pair (\"retry\", "
             "seconds until it is due again); (\"unavailable\", seconds), which begins an outage "
             "of the plugin; or (\"dead\", 0) or (\"rejected\", 0) for a dead letter, which only "
             "a person can retry. An outage ends with a success or with \"rejected\". state: as "
             "delivered() takes it.\n\n"
             "Errors:  ValueError when there is not one outcome for each delivery, or an unknown "
             "one; nothing is settled then.")
        .def("state", &ReceiverView::state, py::arg("plugin"),
             "Return the state of a plugin, to read and to change it.")
        .def("health", &ReceiverView::health,
             "Return what the server knows about itself, and how it tells plugins.")
        .def("give_back", &ReceiverView::give_back, WithoutGil(), py::arg("deliveries"),
             "Give back deliveries that were not attempted: they are due again at once.")
        .def("reload", &ReceiverView::reload, WithoutGil(), py::arg("endpoints"), py::arg("routes"),
             "Use these endpoints and routes for requests from now on, in one step, and read "
             "certificate and key again.\n\n"
             "Errors:  ConfigError, InboxError; everything stays as it was then.")
        .def("hurry", &ReceiverView::hurry, WithoutGil(), py::arg("plugin"),
             "Make every waiting fetch() of a plugin return now, and every later one return at "
             "once, until resume().")
        .def("resume", &ReceiverView::resume, WithoutGil(), py::arg("plugin"), py::arg("by_device"),
             "Let fetch() of a plugin wait again, and deliver one device's alerts in order, or "
             "not, from now on.\n\n"
             "Errors:  ConfigError while a delivery is under way and the order is another one; "
             "InboxError.")
        .def(
            "look", [](ReceiverView& self) { self.native().look(); }, WithoutGil(),
            "Sample what the admin listener shows of the last minute. Call it at least once a "
            "second between start() and stop().")
        .def(
            "note_reload",
            [](ReceiverView& self, std::string error) {
                self.native().note_reload(std::move(error));
            },
            py::arg("error") = "",
            "Note, for the admin listener, that the configuration was read again. error: why it "
            "could not be used.")
        .def(
            "count_spans",
            [](ReceiverView& self, std::uint64_t sent, std::uint64_t dropped) {
                self.native().count_spans(sent, dropped);
            },
            py::arg("sent"), py::arg("dropped"),
            "Count spans of traces that their collector took, and those that were dropped.")
        .def_property_readonly(
            "beat_age",
            [](ReceiverView& self) {
                return static_cast<double>(base::now().steady_ms - self.native().beat_ms()) / 1e3;
            },
            "Seconds since the thread that watches the clients was last active; under a second "
            "when all is well. Valid after start().")
        .def_property_readonly(
            "failed", [](ReceiverView& self) { return self.native().inbox().failed(); },
            "Whether writing to the disk failed: no alert is taken, and the process should end.")
        .def("stop_listening", &ReceiverView::stop_listening, WithoutGil(), py::arg("grace"),
             "Become not ready, and finish the answers under way within grace seconds.")
        .def("stop", &ReceiverView::stop, WithoutGil(),
             "Stop listening and close the inbox. Idempotent.")
        .def("stats", &stats, "Return counters since the start, and row counts of the inbox.");
}

}  // namespace incm::bindings
