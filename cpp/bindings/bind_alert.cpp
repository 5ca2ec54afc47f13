#include "bind_alert.h"

#include <chrono>
#include <memory>
#include <type_traits>

#include "bindings.h"
#include <datetime.h>
#include <pybind11/operators.h>
#include <pybind11/stl.h>

#include "incm/json/canonical.h"
#include "incm/model/alert_fields.h"
#include "incm/model/alert_json.h"
#include "incm/model/alert_type.h"
#include "incm/model/own_type.h"

namespace incm::bindings {

namespace {

using model::Alert;
using model::AlertField;
using model::Timestamp;
using Moment = std::optional<Timestamp>;

/// The Python view of a Party with all its members.
struct PartyView {
    py::object id;
    py::object name;
    py::dict members;
};

struct CivilTime {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::microseconds> time;
};

CivilTime civil(Timestamp moment) {
    const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(moment.us)};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    return {std::chrono::year_month_day(day),
            std::chrono::hh_mm_ss<std::chrono::microseconds>(at - day)};
}

py::object optional_datetime(const Moment& moment) {
    return moment ? to_datetime(moment->us) : py::none();
}

py::object iso_text(const Moment& moment) {
    if (!moment) return py::none();
    py::object text = to_datetime(moment->us).attr("isoformat")();
    return text.attr("replace")("+00:00", "Z");
}

/// Return the verified text as Python objects. json.loads accepts everything that CPython's sender
/// can print (NaN, long integers, lone surrogates). A text that it does not accept is rewritten
/// first, and one that is nested too deep becomes an empty object.
py::object decoded(const Alert& alert) {
    const py::object loads = py::module_::import("json").attr("loads");
    try {
        return loads(py::bytes(alert.raw));
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_RecursionError)) throw;
    }
    std::vector<std::string> changes;
    const base::Result<std::string> readable = json::readable_json(alert.raw, changes);
    if (!readable.ok()) return py::dict();
    try {
        return loads(py::bytes(readable.value()));
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_RecursionError)) throw;
    }
    return py::dict();
}

py::object member(const Alert& alert, const char* key) {
    const py::object root = decoded(alert);
    if (!py::isinstance<py::dict>(root)) return py::none();
    return root.attr("get")(key);
}

py::object party_view(const Alert& alert, const std::optional<model::Party>& party,
                      const char* key) {
    if (!party) return py::none();
    py::object members = member(alert, key);
    if (!py::isinstance<py::dict>(members)) members = py::dict();
    return py::cast(PartyView{py::cast(party->id), py::cast(party->name),
                              py::reinterpret_borrow<py::dict>(members)});
}

py::object data_of(const Alert& alert) {
    if (!alert.has_data) return py::none();
    py::object data = member(alert, "data");
    return py::isinstance<py::dict>(data) ? data : py::dict();
}

bool was_read(bool field) {
    return field;
}

template <typename Value>
bool was_read(const std::optional<Value>& field) {
    return field.has_value();
}

/// Return the top-level members that are not documented, and documented ones that could not be
/// read.
py::dict extra_of(const Alert& alert) {
    const py::object root = decoded(alert);
    if (!py::isinstance<py::dict>(root)) return {};
    py::dict extra = py::reinterpret_borrow<py::dict>(root);
    model::for_each_alert_field([&](const auto& field) {
        if (field.in_data || !extra.contains(field.key)) return;
        if (was_read(alert.*field.member) || extra[field.key].is_none()) {
            extra.attr("pop")(field.key);
        }
    });
    return extra;
}

py::object label_of(const Alert& alert) {
    if (!alert.type) return py::none();
    return py::str(std::string(model::any_label_of(*alert.type)));
}

/// Return a field as the value of its attribute.
template <typename Value>
py::object value_of(const Alert& alert, const AlertField<Value>& field) {
    if constexpr (std::is_same_v<Value, Moment>) {
        return optional_datetime(alert.*field.member);
    } else if constexpr (std::is_same_v<Value, std::optional<model::Party>>) {
        return party_view(alert, alert.*field.member, field.key);
    } else if constexpr (std::is_same_v<Value, bool>) {
        return data_of(alert);  // the member of `data` only records that it is present
    } else {
        return py::cast(alert.*field.member);
    }
}

/// Return a field as json.dumps accepts it.
template <typename Value>
py::object json_value_of(const Alert& alert, const AlertField<Value>& field) {
    if constexpr (std::is_same_v<Value, Moment>) {
        return iso_text(alert.*field.member);
    } else {
        py::object value = value_of(alert, field);
        if (!py::isinstance<PartyView>(value)) return value;
        return value.template cast<const PartyView&>().members;
    }
}

py::dict to_dict(const Alert& alert) {
    py::dict all;
    model::for_each_alert_field([&](const auto& field) {
        all[field.name] = json_value_of(alert, field);
        if (std::string_view(field.name) == "type") all["label"] = label_of(alert);
    });
    all["extra"] = extra_of(alert);
    all["problems"] = alert.problems;
    return all;
}

/// Return the path of each field in the JSON text, by attribute name.
py::object paths_of_fields() {
    py::dict paths;
    model::for_each_alert_field([&](const auto& field) {
        paths[field.name] = field.in_data ? py::tuple(py::make_tuple("data", field.key))
                                          : py::tuple(py::make_tuple(field.key));
    });
    return py::module_::import("types").attr("MappingProxyType")(paths);
}

std::shared_ptr<Alert> from_json(const py::object& text) {
    std::string bytes;
    if (PyBytes_Check(text.ptr()) != 0) {
        bytes.assign(PyBytes_AS_STRING(text.ptr()), static_cast<std::size_t>(Py_SIZE(text.ptr())));
    } else if (py::isinstance<py::str>(text)) {
        bytes = text.attr("encode")("utf-8", "surrogatepass").cast<std::string>();
    } else {
        throw py::type_error("Alert.from_json takes bytes or str");
    }
    auto alert = std::make_shared<Alert>();
    value_or_throw(model::read_alert(std::move(bytes), *alert));
    return alert;
}

std::string repr(const Alert& alert) {
    const auto shown = [](const model::Text& text) {
        return text ? std::string(py::repr(py::str(*text))) : std::string("None");
    };
    return "<Alert " + shown(alert.type) + " id=" + shown(alert.id) +
           " device_id=" + shown(alert.device_id) + ">";
}

void bind_party(py::module_& module) {
    py::class_<PartyView>(module, "Party",
                          R"(An organisation or a device group that the alert names.

Shape:   `.id` and `.name`; every member, documented or not, is read by its JSON name, as in a mapping.
Threads: immutable.
Source:  docs/protocol.md, The fields of an alert.)")
        .def_property_readonly("id", [](const PartyView& self) { return self.id; })
        .def_property_readonly("name", [](const PartyView& self) { return self.name; })
        .def(
            "to_dict", [](const PartyView& self) { return self.members.attr("copy")(); },
            "Return all members by their JSON names, as a new dict.")
        .def(
            "get",
            [](const PartyView& self, const py::str& key, const py::object& other) {
                return self.members.attr("get")(key, other);
            },
            py::arg("key"), py::arg("default") = py::none(), "Return a member, or the default.")
        .def(
            "keys", [](const PartyView& self) { return py::list(self.members); },
            "Return the JSON names of all members.")
        .def("__getitem__",
             [](const PartyView& self, const py::str& key) {
                 if (!self.members.contains(key)) throw py::key_error(std::string(key));
                 return py::object(self.members[key]);
             })
        .def("__contains__", [](const PartyView& self,
                                const py::object& key) { return self.members.contains(key); })
        .def("__eq__",
             [](const PartyView& self, const py::object& other) {
                 if (py::isinstance<PartyView>(other)) {
                     return self.members.equal(other.cast<const PartyView&>().members);
                 }
                 return self.members.equal(other);
             })
        .def("__hash__",
             [](const PartyView& self) { return py::hash(py::make_tuple(self.id, self.name)); })
        .def("__repr__", [](const PartyView& self) {
            return "<Party id=" + std::string(py::repr(self.id)) +
                   " name=" + std::string(py::repr(self.name)) + ">";
        });
}

void bind_alert_type(py::module_& module) {
    py::class_<model::AlertType>(module, "AlertType",
                                 "A known kind of alert. Source: docs/protocol.md, Alert types.")
        .def_property_readonly(
            "name", [](const model::AlertType& self) { return self.name; }, "The value of `type`.")
        .def_property_readonly(
            "label", [](const model::AlertType& self) { return self.label; },
            "The name that InCloud Manager shows.")
        .def_property_readonly(
            "opposite",
            [](const model::AlertType& self) -> py::object {
                if (self.opposite.empty()) return py::none();
                return py::str(std::string(self.opposite));
            },
            "The type that ends this one, or None.")
        .def_property_readonly(
            "family", [](const model::AlertType& self) { return self.family; },
            "The name that a type shares with its opposite; without an opposite, the type itself.")
        .def_property_readonly(
            "clears", [](const model::AlertType& self) { return self.clears; },
            "Whether the type says that what its opposite reported is over.")
        .def("__repr__", [](const model::AlertType& self) {
            return "<AlertType " + std::string(self.name) + ">";
        });
    module.def(
        "alert_types",
        [](bool own) {
            const auto types = model::alert_types();
            std::vector<model::AlertType> all(types.begin(), types.end());
            const auto own_types = model::own_alert_types();
            if (own) all.insert(all.end(), own_types.begin(), own_types.end());
            return all;
        },
        py::arg("own") = false,
        "Return the 22 documented types and the 4 newer ones, and if wanted the types of the "
        "alerts "
        "that this server raises about itself. Alerts of any other type are treated the same.");
}

constexpr const char* kAlertDoc =
    R"(One alert: the documented fields, typed, and everything else that it contains.

Shape:   attributes as listed in docs/plugins.md, What an alert has; times are aware datetimes in UTC, `retention` an int of seconds,
         `data` and `extra` dicts, `org` and `device_group` a Party; a field that is absent or unreadable is None.
         `raw` is the verified text, byte for byte; `extra` holds the top-level members that are not documented or
         could not be read; `problems` lists what was unusual. Two alerts are equal when their texts are equal.
Errors:  none on access.
Threads: immutable; any. Each access makes new dicts, so that changing one does not change the alert.
Source:  docs/protocol.md, The fields of an alert.)";

}  // namespace

py::object to_datetime(std::int64_t us) {
    const CivilTime at = civil(Timestamp{us});
    return py::reinterpret_steal<py::object>(PyDateTimeAPI->DateTime_FromDateAndTime(
        static_cast<int>(at.date.year()), static_cast<int>(static_cast<unsigned>(at.date.month())),
        static_cast<int>(static_cast<unsigned>(at.date.day())),
        static_cast<int>(at.time.hours().count()), static_cast<int>(at.time.minutes().count()),
        static_cast<int>(at.time.seconds().count()), static_cast<int>(at.time.subseconds().count()),
        PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType));
}

void bind_alert(py::module_& module) {
    PyDateTime_IMPORT;
    bind_party(module);
    bind_alert_type(module);
    module.attr("alert_fields") = paths_of_fields();
    py::class_<Alert, std::shared_ptr<Alert>> alert(module, "Alert", kAlertDoc);
    model::for_each_alert_field([&](const auto& field) {
        alert.def_property_readonly(field.name,
                                    [&field](const Alert& self) { return value_of(self, field); });
    });
    alert
        .def_static("from_json", &from_json, py::arg("text"),
                    "Read an alert from its JSON text (bytes, or str).\n\n"
                    "Errors:  AlertError (a ValueError) when the text is not JSON.")
        .def_property_readonly("raw", [](const Alert& self) { return py::bytes(self.raw); })
        .def_property_readonly("label", &label_of)
        .def_property_readonly("extra", &extra_of)
        .def_property_readonly("problems",
                               [](const Alert& self) { return py::tuple(py::cast(self.problems)); })
        .def("to_dict", &to_dict,
             "Return all fields by attribute name, ready for json.dumps: times are ISO 8601 text.")
        .def("__eq__",
             [](const Alert& self, const py::object& other) {
                 return py::isinstance<Alert>(other) && self.raw == other.cast<const Alert&>().raw;
             })
        .def("__hash__", [](const Alert& self) { return py::hash(py::bytes(self.raw)); })
        .def(py::pickle([](const Alert& self) { return py::make_tuple(py::bytes(self.raw)); },
                        [](const py::tuple& state) { return from_json(state[0]); }))
        .def("__repr__", &repr);
}

}  // namespace incm::bindings
