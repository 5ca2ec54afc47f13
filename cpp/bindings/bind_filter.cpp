#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/model/alert_filter.h"

namespace incm::bindings {

namespace {

using model::AlertFilter;
using model::ValuePattern;

py::dict dict_from(std::string_view name, const py::handle& table) {
    if (py::isinstance<py::dict>(table)) return py::reinterpret_borrow<py::dict>(table);
    throw py::type_error("the filter " + std::string(name) + " must be a dict");
}

base::Result<ValuePattern> pattern_from(const py::handle& value) {
    if (py::isinstance<py::bool_>(value)) return ValuePattern::boolean(value.cast<bool>());
    if (py::isinstance<py::int_>(value) || py::isinstance<py::float_>(value)) {
        return ValuePattern::number(py::str(value).cast<std::string>());
    }
    if (py::isinstance<py::str>(value)) return ValuePattern::parse(value.cast<std::string>());
    throw py::type_error("the patterns of the filter where must be str, int, float or bool");
}

model::Where where_from(const py::dict& table) {
    model::Where where;
    for (const auto& [key, values] : py::reinterpret_borrow<py::dict>(table)) {
        const auto path = key.cast<std::string>();
        std::vector<ValuePattern> patterns;
        if (!py::isinstance<py::sequence>(values) || py::isinstance<py::str>(values)) {
            throw py::type_error("the filter where must have lists of patterns");
        }
        for (const py::handle value : py::reinterpret_borrow<py::sequence>(values)) {
            base::Result<ValuePattern> pattern = pattern_from(value);
            if (!pattern.ok()) {
                throw base::Failure(
                    {pattern.error().code, "\"" + path + "\": " + pattern.error().text});
            }
            patterns.push_back(std::move(pattern).value());
        }
        value_or_throw(where.add(path, std::move(patterns)));
    }
    return where;
}

template <typename Value>
void read_list(const py::handle& values, std::vector<Value>& list) {
    list = values.cast<std::vector<Value>>();
}

void read_key(std::string_view name, const py::handle& values, AlertFilter& filter) {
    if (name == "where") {
        filter.where = where_from(dict_from(name, values));
        return;
    }
    const auto key = std::ranges::find(model::filter_keys(), name, &model::FilterKey::name);
    if (key == model::filter_keys().end()) {
        throw py::type_error("Filter has no list " + std::string(name));
    }
    try {
        std::visit([&](auto member) { read_list(values, filter.*member); }, key->list);
    } catch (const py::cast_error&) {
        throw py::type_error("the values of the filter " + std::string(name) +
                             " have the wrong type");
    }
}

AlertFilter filter_from(const py::kwargs& keys) {
    AlertFilter filter;
    for (const auto& [keyword, values] : keys) {
        const auto name = keyword.cast<std::string_view>();
        if (name != "not") {
            read_key(name, values, filter);
            continue;
        }
        const auto unwanted = std::make_shared<AlertFilter>();
        for (const auto& [inner, list] : dict_from(name, values)) {
            read_key(inner.cast<std::string_view>(), list, *unwanted);
        }
        filter.unwanted = unwanted;
    }
    return filter;
}

py::tuple names_of_filters() {
    py::list names;
    for (const model::FilterKey& key : model::filter_keys()) names.append(key.name);
    return py::tuple(names);
}

}  // namespace

void bind_filter(py::module_& module) {
    module.attr("filter_keys") = names_of_filters();
    py::class_<AlertFilter>(module, "Filter",
                            R"(Which alerts a plugin wants; an empty list wants all.

Shape:   a keyword for each of `filter_keys`: patterns with `*` and `?`, or numbers. `where`: a dict of paths and
         lists of patterns (str, int, float or bool). `not`: a dict of the same keywords without `not`.
         See docs/configuration.md, Filters.
Errors:  TypeError for an unknown keyword, or for a value of the wrong type; ConfigError for a path or pattern of
         `where` that cannot be read.
Threads: immutable.
Source:  docs/configuration.md, Filters.)")
        .def(py::init(&filter_from))
        .def("matches", &AlertFilter::matches, py::arg("alert"), py::arg("endpoint"),
             "Return whether the filter wants this alert, received on the endpoint with this "
             "path.");
}

}  // namespace incm::bindings
