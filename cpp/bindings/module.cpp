#include "bind_tokens.h"
#include "bindings.h"

#include "incm/receiver/library_versions.h"

#ifndef INCM_VERSION
#define INCM_VERSION "0"
#endif

PYBIND11_MODULE(_core, module) {
    module.doc() = "The native core of incm_webhook.";
    module.attr("__version__") = INCM_VERSION;
    pybind11::dict libraries;
    for (const auto& [name, version] : incm::receiver::library_versions())
        libraries[pybind11::str(name)] = version;
    module.attr("library_versions") = libraries;
    // The errors come first: the other parts name them in their docstrings.
    incm::bindings::bind_errors(module);
    incm::bindings::bind_log(module);
    incm::bindings::bind_process(module);
    incm::bindings::bind_alert(module);
    incm::bindings::bind_signature(module);
    incm::bindings::bind_clients(module);
    incm::bindings::bind_watch(module);
    incm::bindings::bind_tokens(module);
    incm::bindings::bind_routing(module);
    incm::bindings::bind_delivery(module);
    incm::bindings::bind_state(module);
    incm::bindings::bind_spans(module);
    incm::bindings::bind_health(module);
    incm::bindings::bind_receiver(module);
    incm::bindings::bind_offline(module);
}
