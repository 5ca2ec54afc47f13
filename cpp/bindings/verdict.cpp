#include "verdict.h"

#include <array>
#include <string>

namespace incm::bindings {

namespace py = pybind11;

namespace {

/// The object in Python's memory. It has no constructor and no destructor.
struct VerdictObject {
    PyObject_HEAD auth::Refusal refusal;
    auth::SignedForm form;
    std::size_t secret_index;
    PyObject* text;  // the verified bytes; null when refused
};

const VerdictObject& seen(PyObject* self) {
    return *reinterpret_cast<VerdictObject*>(self);
}

bool is_ok(PyObject* self) {
    return seen(self).refusal == auth::Refusal::kNone;
}

const char* form_of(PyObject* self) {
    return seen(self).form == auth::SignedForm::kRaw ? "raw" : "canonical";
}

const char* reason_of(PyObject* self) {
    switch (seen(self).refusal) {
        case auth::Refusal::kMissing:
            return "missing";
        case auth::Refusal::kMalformed:
            return "malformed";
        case auth::Refusal::kMismatch:
            return "mismatch";
        case auth::Refusal::kNone:
            break;
    }
    return nullptr;
}

PyObject* none() {
    return Py_NewRef(Py_None);
}

PyObject* get_ok(PyObject* self, void*) {
    return PyBool_FromLong(is_ok(self) ? 1 : 0);
}

PyObject* get_form(PyObject* self, void*) {
    return is_ok(self) ? PyUnicode_FromString(form_of(self)) : none();
}

PyObject* get_text(PyObject* self, void*) {
    return is_ok(self) ? Py_NewRef(seen(self).text) : none();
}

PyObject* get_secret_index(PyObject* self, void*) {
    return is_ok(self) ? PyLong_FromSize_t(seen(self).secret_index) : none();
}

PyObject* get_reason(PyObject* self, void*) {
    return is_ok(self) ? none() : PyUnicode_FromString(reason_of(self));
}

int as_bool(PyObject* self) {
    return is_ok(self) ? 1 : 0;
}

PyObject* repr(PyObject* self) {
    if (!is_ok(self)) return PyUnicode_FromFormat("<Verdict not ok: %s>", reason_of(self));
    return PyUnicode_FromFormat("<Verdict ok: %s, secret %zu>", form_of(self),
                                seen(self).secret_index);
}

void deallocate(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    Py_XDECREF(seen(self).text);
    type->tp_free(self);
    Py_DECREF(type);
}

constexpr const char* kDoc = R"(The outcome of a verification; true when the signature fits.

Shape:   `ok`; `form`: "raw" or "canonical"; `text`: the verified bytes, the only ones to be used from here on;
         `secret_index`: which secret fits; `reason`: "missing", "malformed" or "mismatch". Attributes that do
         not apply are None.
Threads: immutable.)";

py::object make_type() {
    static std::array<PyGetSetDef, 6> attributes{{
        {"ok", get_ok, nullptr, nullptr, nullptr},
        {"form", get_form, nullptr, nullptr, nullptr},
        {"text", get_text, nullptr, nullptr, nullptr},
        {"secret_index", get_secret_index, nullptr, nullptr, nullptr},
        {"reason", get_reason, nullptr, nullptr, nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    }};
    std::array<PyType_Slot, 6> slots{{
        {Py_tp_doc, const_cast<char*>(kDoc)},
        {Py_tp_getset, attributes.data()},
        {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)},
        {Py_tp_repr, reinterpret_cast<void*>(&repr)},
        {Py_nb_bool, reinterpret_cast<void*>(&as_bool)},
        {0, nullptr},
    }};
    PyType_Spec spec{"incm_webhook._core.Verdict", static_cast<int>(sizeof(VerdictObject)), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots.data()};
    py::object type = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
    if (!type) throw py::error_already_set();
    return type;
}

}  // namespace

VerdictType::VerdictType(py::module_& module) : type_(make_type()) {
    module.attr("Verdict") = type_;
}

py::object VerdictType::make(const auth::Verdict& verdict, const py::object& body) const {
    auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
    py::object made = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!made) throw py::error_already_set();
    auto& object = *reinterpret_cast<VerdictObject*>(made.ptr());
    object.refusal = verdict.refusal;
    object.form = verdict.form;
    object.secret_index = verdict.secret_index;
    if (!verdict.ok()) return made;
    const bool raw = verdict.form == auth::SignedForm::kRaw;
    object.text = (raw ? body : py::object(py::bytes(verdict.canonical))).inc_ref().ptr();
    return made;
}

}  // namespace incm::bindings
