#include "bind_watch.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bind_clients.h"
#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/admin/reload_requests.h"
#include "incm/receiver/stop_guard.h"

namespace incm::bindings {

namespace {

using receiver::PluginThread;
using receiver::StopGuard;
using WithoutGil = py::call_guard<py::gil_scoped_release>;

/// A guard, which lives until the process ends, as does everything that it uses.
struct GuardView {
    std::shared_ptr<WatchView> watch;
    StopGuard& guard;
};

GuardView make_guard(double grace_s, const std::shared_ptr<WatchView>& watch) {
    auto* const kept = new std::shared_ptr<WatchView>(watch);
    return {watch, *new StopGuard(milliseconds(grace_s), (*kept)->watch, (*kept)->log)};
}

void bind_thread(py::module_& module) {
    py::class_<PluginThread, std::shared_ptr<PluginThread>>(
        module, "PluginThread",
        R"(A thread that runs a plugin's code from time to time. The watch observes it as long as this object lives.

Threads: constructed by the thread itself; enter() and leave() are called by that thread, or by one that knows
         what it does.)")
        .def("enter", &PluginThread::enter, py::arg("alert_id") = 0,
             "Note that the plugin's code runs from now on, with the alert of this number; 0: "
             "without.")
        .def("leave", &PluginThread::leave, "Note that the plugin's code no longer runs.");
}

void bind_guard(py::module_& module) {
    py::class_<GuardView>(
        module, "StopGuard",
        R"(Turns signals into requests for a stop or a reload, and makes sure that a stop ends, whether Python runs or not.

The interpreter's handlers write the number of each signal into `wakeup_descriptor` (signal.set_wakeup_fd), also
while a plugin keeps the GIL; a native thread reads it. SIGTERM and SIGINT request a stop, SIGHUP a reload. Before
loaded() a stop ends the process with status 0. After loaded() the process ends with status 1 at the end of the
grace, or at once on a second stop.
Errors:  OSError when there is no descriptor left.
Threads: any. A process has one guard, until its end.)")
        .def(py::init(&make_guard), py::arg("grace"), py::arg("watch"))
        .def_property_readonly("wakeup_descriptor",
                               [](const GuardView& self) { return self.guard.wakeup_descriptor(); })
        .def(
            "loaded", [](const GuardView& self) { self.guard.loaded(); },
            "Give every stop from now on its grace.")
        .def(
            "stopping", [](const GuardView& self) { self.guard.stopping(); },
            "Begin a stop that no signal requested: its grace counts from now.")
        .def(
            "wait",
            [](const GuardView& self, double timeout) {
                return self.guard.wait(milliseconds(timeout));
            },
            WithoutGil(), py::arg("timeout"),
            "Wait up to timeout seconds until a stop or a reload is requested. Returns whether a "
            "stop is requested.")
        .def_property_readonly("stop_is_asked",
                               [](const GuardView& self) { return self.guard.stop_is_asked(); })
        .def(
            "take_reload", [](const GuardView& self) { return self.guard.take_reload(); },
            "Return whether a reload was requested since the last call.")
        .def(
            "ask_for_reload", [](const GuardView& self) { self.guard.ask_for_reload(); },
            "Request a reload, as SIGHUP does.");
}

void bind_reloads(py::module_& module) {
    py::class_<admin::ReloadRequests, std::shared_ptr<admin::ReloadRequests>>(
        module, "ReloadRequests",
        R"(Passes requests for a reload from the admin listener to the thread that reloads, and the results back.

Each request makes the guard report a reload. Requests that arrive while a reload runs share the next one.
Threads: any; begin() and finish() in turns.)")
        .def(py::init([](const GuardView& guard) {
                 return std::make_shared<admin::ReloadRequests>(
                     [&one = guard.guard] { one.ask_for_reload(); });
             }),
             py::arg("guard"))
        .def("begin", &admin::ReloadRequests::begin, "Return a ticket for all requests so far.")
        .def("finish", &admin::ReloadRequests::finish, py::arg("ticket"), py::arg("result"),
             "Answer the requests of a ticket with a JSON text.");
}

}  // namespace

std::shared_ptr<const admin::PluginBoard> board_of(const std::shared_ptr<WatchView>& view) {
    if (!view) return nullptr;
    return {view, &view->watch.board()};
}

void bind_watch(py::module_& module) {
    bind_thread(module);
    py::class_<WatchView, std::shared_ptr<WatchView>>(
        module, "PythonWatch",
        R"(Notices when Python does not run because a plugin keeps the GIL, and holds the status of each plugin.

A native thread that never takes the GIL expects beat(). After a second without a beat it finds out which thread
holds the GIL; after five it logs that, and the admin listener is not ready.
Threads: any.)")
        .def(py::init<>())
        .def(
            "beat", [](WatchView& self) { self.watch.beat(); },
            "Note that Python runs; the first call starts the watch. Call it every 0.2 s, from a "
            "thread that does nothing else.")
        .def(
            "rest", [](WatchView& self) { self.watch.rest(); },
            "Pause the watch until the next beat.")
        .def(
            "join",
            [](WatchView& self, std::string plugin, std::string step) {
                return self.watch.threads().join(std::move(plugin), std::move(step));
            },
            py::arg("plugin"), py::arg("step"),
            "Register the calling thread as one that runs a step of this plugin, such as "
            "\"setup\".")
        .def(
            "set_plugin_state",
            [](WatchView& self, const std::string& plugin, std::string state, std::string reason) {
                self.watch.board().set_state(plugin, std::move(state), std::move(reason));
            },
            py::arg("plugin"), py::arg("state"), py::arg("reason") = "",
            "Record the state of a plugin, one of plugin_states, and the reason for a person to "
            "read.")
        .def(
            "forget_plugin",
            [](WatchView& self, const std::string& plugin) { self.watch.board().forget(plugin); },
            py::arg("plugin"), "Forget the state of a plugin that is no longer configured.")
        .def(
            "set_plugin_figures",
            [](WatchView& self, const std::string& plugin, bool breaker_open, std::int64_t hanging,
               const std::map<std::string, std::int64_t>& restarts) {
                admin::PluginFigures figures{breaker_open, hanging, {}};
                for (std::size_t i = 0; i < admin::kRestartReasons.size(); ++i) {
                    const auto found = restarts.find(admin::kRestartReasons[i]);
                    if (found != restarts.end()) figures.restarts[i] = found->second;
                }
                self.watch.board().set_figures(plugin, figures);
            },
            py::arg("plugin"), py::arg("breaker_open"), py::arg("hanging_calls"),
            py::arg("restarts"),
            "Record numbers about a plugin whose state is recorded. restarts: how often its own "
            "process ended without having been asked to, by the reason: timeout, memory or died.");
    bind_guard(module);
    bind_reloads(module);
    py::list states;
    for (const char* const state : admin::kPluginStates) states.append(state);
    module.attr("plugin_states") = py::tuple(states);
}

}  // namespace incm::bindings
