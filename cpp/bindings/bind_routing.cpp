#include <string>
#include <utility>
#include <vector>

#include "bind_clients.h"
#include "bind_signature.h"
#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/base/url_path.h"
#include "incm/ingest/ingest.h"

namespace incm::bindings {

namespace {

void bind_retry(py::module_& module) {
    using inbox::RetryPolicy;
    py::class_<RetryPolicy>(module, "RetryPolicy",
                            R"(When a delivery is tried again, and when it is given up.

Units:   seconds.
Threads: immutable.
Source:  cpp/incm/inbox/retry_policy.h.)")
        .def(
            py::init([](double first, double factor, double longest, double give_up) {
                return RetryPolicy{
                    .first_s = first, .factor = factor, .longest_s = longest, .give_up_s = give_up};
            }),
            py::kw_only(), py::arg("first") = RetryPolicy().first_s,
            py::arg("factor") = RetryPolicy().factor, py::arg("max") = RetryPolicy().longest_s,
            py::arg("give_up") = RetryPolicy().give_up_s)
        .def(
            "pause", &RetryPolicy::pause_s, py::arg("tries"), py::arg("luck"),
            "Return how long to wait after so many failed tries, in seconds. luck: 0 to 1, random.")
        .def("gives_up", &RetryPolicy::gives_up, py::arg("age"),
             "Return whether a failure at this age is the last one.");
}

void bind_routes(py::module_& module) {
    py::class_<ingest::Endpoint>(
        module, "Endpoint",
        "A path that receives alerts, signed with one of its secrets, or unsigned (no secrets).")
        .def(py::init([](std::string path, const py::sequence& secrets, double ack_timeout,
                         std::pair<double, double> rate, bool strict_slash, double silent_after) {
                 return ingest::Endpoint{std::move(path),
                                         secrets_from(secrets),
                                         milliseconds(ack_timeout),
                                         {.count = rate.first, .per_ms = milliseconds(rate.second)},
                                         strict_slash,
                                         milliseconds(silent_after)};
             }),
             py::arg("path"), py::arg("secrets"), py::arg("ack_timeout") = 0.0,
             py::arg("rate") = std::pair(0.0, 1.0), py::arg("strict_slash") = false,
             py::arg("silent_after") = 0.0,
             "ack_timeout: for how many seconds an answer waits until every plugin is done; 0: it "
             "does not wait. rate: at most so many alerts in so many seconds; (0, 1): any number. "
             "strict_slash: a path with a / at the end differs from the one without. silent_after: "
             "after so many seconds without an alert it is silent; 0: it never is.")
        .def_readonly("path", &ingest::Endpoint::path)
        .def_property_readonly("unsigned",
                               [](const ingest::Endpoint& self) { return self.secrets.empty(); });
    py::class_<ingest::Route>(
        module, "Route",
        "A plugin's name, the alerts that it wants, whether those of a device come in order, and "
        "when a failed delivery is tried again.")
        .def(py::init<std::string, model::AlertFilter, bool, inbox::RetryPolicy>(),
             py::arg("plugin"), py::arg("filter"), py::arg("by_device") = false,
             py::arg("retry") = inbox::RetryPolicy());
}

}  // namespace

void bind_routing(py::module_& module) {
    module.def(
        "normal_path", [](const std::string& path) { return base::normal_path(path); },
        py::arg("path"),
        "Return the normal form of a URL's path, the same for all spellings (RFC 3986, section "
        "6.2.2).");
    bind_retry(module);
    bind_filter(module);
    bind_routes(module);
}

}  // namespace incm::bindings
