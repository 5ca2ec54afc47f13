#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "running.h"
#include "state_changes.h"
#include <pybind11/stl.h>

namespace incm::bindings {

std::shared_ptr<Running> StateView::running() const {
    std::shared_ptr<Running> running = from_.lock();
    if (!running) throw base::Failure({base::ErrorCode::kClosed, "the inbox is closed"});
    return running;
}

std::optional<std::string> StateView::get(const std::string& key) const {
    return value_or_throw(running()->receiver.inbox().kept_state().get(plugin_, key));
}

inbox::StatePage StateView::page(std::string prefix, std::string after) const {
    return value_or_throw(running()->receiver.inbox().kept_state().page(
        {.plugin = plugin_, .prefix = std::move(prefix), .after = std::move(after)}));
}

std::int64_t StateView::count() const {
    return value_or_throw(running()->receiver.inbox().kept_state().count(plugin_));
}

void StateView::write(StateChanges changes) const {
    value_or_throw(running()->receiver.inbox().kept_state().write(plugin_, std::move(changes)));
}

void bind_state(py::module_& module) {
    using WithoutGil = py::call_guard<py::gil_scoped_release>;
    py::class_<StateView>(module, "PluginState",
                          R"(What one plugin keeps between its calls, as JSON texts by key.

Errors:  ClosedError after the stop of the receiver; InboxError when the inbox cannot be used.
Threads: any.
Source:  docs/inbox.md, The state of plugins.)")
        .def("get", &StateView::get, WithoutGil(), py::arg("key"),
             "Return the text of a key, None when there is none.")
        .def(
            "page",
            [](const StateView& self, std::string prefix, std::string after) {
                inbox::StatePage page = [&] {
                    const py::gil_scoped_release release;
                    return self.page(std::move(prefix), std::move(after));
                }();
                std::vector<std::pair<std::string, std::string>> entries;
                entries.reserve(page.entries.size());
                for (inbox::StateEntry& entry : page.entries) {
                    entries.emplace_back(std::move(entry.key), std::move(entry.value));
                }
                return std::pair(std::move(entries), std::move(page.next));
            },
            py::arg("prefix"), py::arg("after"),
            "Return pairs of key and text in the order of the keys, of those that begin with "
            "prefix "
            "and come after `after`; and the key after which there are more, or None.")
        .def("count", &StateView::count, WithoutGil(), "Return how many keys there are.")
        .def("write", &StateView::write, WithoutGil(), py::arg("changes"),
             "Make changes in one transaction, and return when they are on disk: pairs of key and "
             "text, None to delete the key.");
}

}  // namespace incm::bindings
