#include <memory>

#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/receiver/request_spans.h"

namespace incm::bindings {

namespace {

using receiver::RequestSpan;
using receiver::RequestSpans;

py::tuple take(RequestSpans& self) {
    auto [spans, dropped] = self.take();
    return py::make_tuple(std::move(spans), dropped);
}

}  // namespace

void bind_spans(py::module_& module) {
    py::class_<RequestSpan>(module, "RequestSpan",
                            R"(The span of a request that brought an authentic alert.

Shape:   `trace_id`, `span_id`, `parent_id`: hexadecimal digits; `parent_id` is "" when the trace begins here;
         `tracestate`: may be ""; `path`, `client`, `endpoint`, `type`: texts; `alert_id`: 0 when the alert could not
         be stored, and that of the earlier alert when `duplicate` is true; `status`: of the answer.
Units:   `began_us`, `ended_us`: Unix microseconds.
Threads: immutable.)")
        .def_property_readonly("trace_id",
                               [](const RequestSpan& self) { return self.context.trace_id; })
        .def_property_readonly("span_id",
                               [](const RequestSpan& self) { return self.context.span_id; })
        .def_property_readonly("tracestate",
                               [](const RequestSpan& self) { return self.context.state; })
        .def_readonly("parent_id", &RequestSpan::parent_id)
        .def_readonly("path", &RequestSpan::path)
        .def_readonly("client", &RequestSpan::client)
        .def_readonly("endpoint", &RequestSpan::endpoint)
        .def_readonly("type", &RequestSpan::type)
        .def_readonly("alert_id", &RequestSpan::alert_id)
        .def_readonly("duplicate", &RequestSpan::duplicate)
        .def_readonly("status", &RequestSpan::status)
        .def_readonly("began_us", &RequestSpan::began_us)
        .def_readonly("ended_us", &RequestSpan::ended_us);

    py::class_<RequestSpans, std::shared_ptr<RequestSpans>>(
        module, "RequestSpans",
        R"(The spans of requests, until they are taken.

`follows`: whether the decision of a sender that sent a trace counts; `share`: the share of the other traces that
are recorded, from 0 to 1. Beyond 4,096 spans that wait, further ones are dropped.
Threads: any.)")
        .def(py::init<bool, double>(), py::arg("follows"), py::arg("share"))
        .def("take", &take,
             "Take the spans that wait, oldest first, and how many were dropped since the last "
             "call.");
}

}  // namespace incm::bindings
