#include "bind_watch.h"

#include <memory>
#include <string>

#include "bind_clients.h"
#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/receiver/stop_guard.h"

namespace incm::bindings {

namespace {

using receiver::PluginThread;
using receiver::StopGuard;
using WithoutGil = py::call_guard<py::gil_scoped_release>;

/// A guard lives until the process ends, and what it needs with it.
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
        R"(A thread that runs a plugin's code now and then, known to the watch as long as this lives.

Threads: made by the thread itself; enter() and leave() are for whoever knows what it does.)")
        .def("enter", &PluginThread::enter, py::arg("alert_id") = 0,
             "The plugin's code runs from now on, with the alert of this number; 0: with none.")
        .def("leave", &PluginThread::leave, "It does not run any more.");
}

void bind_guard(py::module_& module) {
    py::class_<GuardView>(
        module, "StopGuard",
        R"(Turns signals into wishes, and sees to it that a stop ends, whether Python runs or not.

The interpreter's handlers write each signal's number into `wakeup_descriptor` (signal.set_wakeup_fd), also while a
plugin keeps the GIL; a native thread reads it. SIGTERM and SIGINT ask for a stop, SIGHUP for a reload. Before
loaded() a stop ends the process with status 0; after it, the end of the grace does with status 1, and a second
stop at once.
Errors:  OSError when there is no descriptor.
Threads: any. One for a process, until its end.)")
        .def(py::init(&make_guard), py::arg("grace"), py::arg("watch"))
        .def_property_readonly("wakeup_descriptor",
                               [](const GuardView& self) { return self.guard.wakeup_descriptor(); })
        .def(
            "loaded", [](const GuardView& self) { self.guard.loaded(); },
            "From now on a stop has its grace.")
        .def(
            "stopping", [](const GuardView& self) { self.guard.stopping(); },
            "A stop begins that no signal asked for: its grace counts from now.")
        .def(
            "wait",
            [](const GuardView& self, double timeout) {
                return self.guard.wait(milliseconds(timeout));
            },
            WithoutGil(), py::arg("timeout"),
            "Wait until a stop or a reload is asked for, at most so many seconds; True once a stop "
            "is.")
        .def_property_readonly("stop_is_asked",
                               [](const GuardView& self) { return self.guard.stop_is_asked(); })
        .def(
            "take_reload", [](const GuardView& self) { return self.guard.take_reload(); },
            "Whether a reload was asked for since the last call.");
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
        R"(Notices that Python does not run because a plugin keeps the GIL, and how each plugin does.

A native thread that never takes the GIL misses beat(): after a second it finds out who has it, after five it says so in
the log, and the admin listener is not ready.
Threads: any.)")
        .def(py::init<>())
        .def(
            "beat", [](WatchView& self) { self.watch.beat(); },
            "Python runs; the first call begins the watch. Call it each 0.2 s, from a thread that "
            "does nothing else.")
        .def(
            "rest", [](WatchView& self) { self.watch.rest(); },
            "There are no beats until the next one.")
        .def(
            "join",
            [](WatchView& self, std::string plugin, std::string step) {
                return self.watch.threads().join(std::move(plugin), std::move(step));
            },
            py::arg("plugin"), py::arg("step"),
            "Make the calling thread known: it runs code of this plugin, such as its \"setup\".")
        .def(
            "tell",
            [](WatchView& self, const std::string& plugin, std::string state, std::string reason) {
                self.watch.board().tell(plugin, std::move(state), std::move(reason));
            },
            py::arg("plugin"), py::arg("state"), py::arg("reason") = "",
            "How a plugin does: one of plugin_states, and why, for a person.");
    bind_guard(module);
    py::list states;
    for (const char* const state : admin::kPluginStates) states.append(state);
    module.attr("plugin_states") = py::tuple(states);
}

}  // namespace incm::bindings
