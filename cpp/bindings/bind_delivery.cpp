#include "bind_alert.h"
#include "bindings.h"
#include "running.h"
#include <pybind11/stl.h>

namespace incm::bindings {

namespace {

/// Return the part of the stored trace before its blank, or the one behind it.
std::optional<std::string_view> trace_of(const DeliveryView& view, bool parent) {
    if (!view.delivery.trace) return std::nullopt;
    const std::string_view all(*view.delivery.trace);
    const std::size_t blank = all.find(' ');
    if (parent) return all.substr(0, blank);
    if (blank == std::string_view::npos) return std::nullopt;
    return all.substr(blank + 1);
}

}  // namespace

void bind_delivery(py::module_& module) {
    py::class_<DeliveryView>(module, "Delivery", R"(One alert on its way to one plugin.

Shape:   `alert`; `alert_id`: its number in the inbox; `plugin`; `delivery_key`: the same on every attempt;
         `attempt`: 1 for the first; `tries`: as `attempt`, but counted from 1 again after a person retried the delivery,
         and without the attempts that found the target unavailable; below 1, the process ended during its last
         attempt, after `give_up`: it is to be settled as dead without another attempt;
         `received_at`: an aware datetime; `age`: seconds since the delivery was created, independent of the wall clock,
         without the time for which the plugin's target was unavailable;
         `endpoint`: the path that received the alert; `traceparent` and `tracestate`: the span that it continues,
         None when it belongs to no trace.
Threads: immutable.)")
        .def_readonly("alert", &DeliveryView::alert)
        .def_property_readonly("alert_id",
                               [](const DeliveryView& self) { return self.delivery.alert_id; })
        .def_property_readonly("plugin",
                               [](const DeliveryView& self) { return self.delivery.plugin; })
        .def_property_readonly("delivery_key",
                               [](const DeliveryView& self) { return self.delivery.key; })
        .def_property_readonly("attempt",
                               [](const DeliveryView& self) { return self.delivery.attempt; })
        .def_property_readonly("tries",
                               [](const DeliveryView& self) { return self.delivery.tries; })
        .def_property_readonly("received_at",
                               [](const DeliveryView& self) {
                                   return to_datetime(self.delivery.received_at_ms * 1000);
                               })
        .def_property_readonly("age",
                               [](const DeliveryView& self) {
                                   return static_cast<double>(self.delivery.age_ms) / 1e3;
                               })
        .def_property_readonly("endpoint",
                               [](const DeliveryView& self) { return self.delivery.endpoint; })
        .def_property_readonly("traceparent",
                               [](const DeliveryView& self) { return trace_of(self, true); })
        .def_property_readonly("tracestate",
                               [](const DeliveryView& self) { return trace_of(self, false); });
}

}  // namespace incm::bindings
