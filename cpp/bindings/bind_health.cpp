#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "running.h"
#include <pybind11/stl.h>

#include "incm/base/clock.h"

namespace incm::bindings {

namespace {

using WithoutGil = py::call_guard<py::gil_scoped_release>;

void bind_finding(py::module_& module) {
    using admin::Finding;
    py::class_<Finding>(module, "Finding",
                        R"(Something that a person should know about the server.

Threads: immutable; any.
Source:  docs/health.md, Findings.)")
        .def_property_readonly(
            "is_problem", [](const Finding& self) { return self.is_problem; },
            "Whether alerts are lost, late or not delivered because of it; else it is a warning.")
        .def_property_readonly(
            "kind", [](const Finding& self) { return std::string(self.kind); },
            "A word that programs compare.")
        .def_property_readonly(
            "subject", [](const Finding& self) { return self.subject; },
            "What it is about, such as `plugin NAME` or `endpoint PATH`.")
        .def_property_readonly(
            "since",
            [](const Finding& self) -> std::optional<double> {
                if (!self.since_ms) return std::nullopt;
                return static_cast<double>(*self.since_ms) / 1e3;
            },
            "Since when, in Unix time; None when that is not known.")
        .def_property_readonly(
            "text", [](const Finding& self) { return self.text; },
            "A sentence, or the name of a plugin's state.")
        .def_property_readonly(
            "reason", [](const Finding& self) { return self.reason; },
            "More, which may name targets of plugins; \"\" when there is none.")
        .def_property_readonly(
            "begins", [](const Finding& self) { return self.begins; },
            "False for what is no trouble by itself, but while it holds, trouble of this kind that "
            "began earlier has not ended.");
}

}  // namespace

std::shared_ptr<Running> HealthView::running() const {
    std::shared_ptr<Running> running = from_.lock();
    if (!running) throw base::Failure({base::ErrorCode::kClosed, "the inbox is closed"});
    return running;
}

void bind_health(py::module_& module) {
    bind_finding(module);
    py::class_<HealthView>(module, "Health",
                           R"(What the server knows about itself, and how it tells plugins.

Errors:  ClosedError after the stop of the receiver.
Threads: any.
Source:  docs/health.md.)")
        .def(
            "findings",
            [](const HealthView& self) {
                return value_or_throw(self.running()->receiver.findings());
            },
            WithoutGil(),
            "Return everything that is wrong now, the problems first, and what does not begin.\n\n"
            "Errors:  InboxError when the inbox cannot be asked.")
        .def(
            "raise_alert",
            [](const HealthView& self, std::string text, const std::string& about) {
                return value_or_throw(self.running()->receiver.raise(std::move(text), about));
            },
            WithoutGil(), py::arg("text"), py::arg("about") = "",
            "Store an alert of the server itself, as JSON, for each plugin whose filter names its "
            "type, except the plugin `about`. Returns its number when it is on disk; 0 when no "
            "plugin wants it, and nothing is stored.\n\n"
            "Errors:  AlertError for another text; InboxError when it cannot be stored.")
        .def(
            "watch_canary",
            [](const HealthView& self, std::string mark, double overdue_after) {
                self.running()->receiver.watch_canary(std::move(mark),
                                                      std::llround(overdue_after * 1000));
            },
            WithoutGil(), py::arg("mark"), py::arg("overdue_after"),
            "Expect canaries that contain the mark, one at least every overdue_after seconds. 0: "
            "expect none.")
        .def(
            "canary_came_back",
            [](const HealthView& self, double round_trip) {
                self.running()->receiver.canary().came_back(std::llround(round_trip * 1e6),
                                                            base::now());
            },
            py::arg("round_trip"), "Report that a canary was answered, after so many seconds.")
        .def(
            "canary_failed",
            [](const HealthView& self, std::string why) {
                self.running()->receiver.canary().failed(std::move(why));
            },
            py::arg("why"), "Report that a canary was not answered, in a sentence.");
}

}  // namespace incm::bindings
