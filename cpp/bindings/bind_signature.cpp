#include "bind_signature.h"

#include <string>
#include <vector>

#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/auth/signature.h"
#include "incm/json/canonical.h"

namespace incm::bindings {

namespace {

/// A verdict with the text that it is about.
struct VerdictView {
    auth::Verdict verdict;
    std::string text;
};

const char* reason_of(const VerdictView& view) {
    switch (view.verdict.refusal) {
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

VerdictView verify(const std::string& body, const std::optional<std::string>& signature,
                   const std::vector<base::Secret>& secrets) {
    VerdictView view{auth::Verifier(secrets).verify(body, signature), {}};
    if (view.verdict.ok()) view.text = view.verdict.text(body);
    return view;
}

py::object when_ok(const VerdictView& view, py::object value) {
    return view.verdict.ok() ? std::move(value) : py::none();
}

void bind_verdict(py::module_& module) {
    py::class_<VerdictView>(module, "Verdict",
                            R"(The outcome of a verification; true when the signature fits.

Shape:   `ok`; `form`: "raw" or "canonical"; `text`: the verified bytes, the only ones to be used from here on;
         `secret_index`: which secret fits; `reason`: "missing", "malformed" or "mismatch". Attributes that do
         not apply are None.
Threads: immutable.)")
        .def_property_readonly("ok", [](const VerdictView& self) { return self.verdict.ok(); })
        .def_property_readonly("form",
                               [](const VerdictView& self) {
                                   const bool raw = self.verdict.form == auth::SignedForm::kRaw;
                                   return when_ok(self, py::str(raw ? "raw" : "canonical"));
                               })
        .def_property_readonly(
            "text", [](const VerdictView& self) { return when_ok(self, py::bytes(self.text)); })
        .def_property_readonly("secret_index",
                               [](const VerdictView& self) {
                                   return when_ok(self, py::int_(self.verdict.secret_index));
                               })
        .def_property_readonly("reason", [](const VerdictView& self) { return reason_of(self); })
        .def("__bool__", [](const VerdictView& self) { return self.verdict.ok(); })
        .def("__repr__", [](const VerdictView& self) {
            if (!self.verdict.ok()) return "<Verdict not ok: " + std::string(reason_of(self)) + ">";
            const bool raw = self.verdict.form == auth::SignedForm::kRaw;
            return std::string("<Verdict ok: ") + (raw ? "raw" : "canonical") + ", secret " +
                   std::to_string(self.verdict.secret_index) + ">";
        });
}

// The three functions below take any object, because pybind11's own TypeError for a wrong argument
// shows all arguments, the secrets among them.

std::string body_from(const py::handle& object) {
    if (!py::isinstance<py::bytes>(object)) throw py::type_error("a body must be bytes");
    return object.cast<std::string>();
}

std::optional<std::string> signature_from(const py::handle& object) {
    if (object.is_none()) return std::nullopt;
    if (py::isinstance<py::bytes>(object)) return object.cast<std::string>();
    if (PyUnicode_Check(object.ptr()) == 0) throw py::type_error("a signature must be str or None");
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
    if (text != nullptr) return std::string(text, static_cast<std::size_t>(size));
    PyErr_Clear();  // a lone surrogate, which no signature has: malformed like any other text
    return "?";
}

std::vector<base::Secret> several_secrets_from(const py::handle& object) {
    if (!py::isinstance<py::sequence>(object)) {
        throw py::type_error("secrets must be a list of str or bytes");
    }
    return secrets_from(py::reinterpret_borrow<py::sequence>(object));
}

}  // namespace

base::Secret secret_from(const py::handle& object) {
    std::string bytes;
    if (py::isinstance<py::bytes>(object)) {
        bytes = object.cast<std::string>();
    } else if (py::isinstance<py::str>(object)) {
        bytes = object.attr("encode")("utf-8").cast<std::string>();
    } else {
        throw py::type_error("a secret must be str or bytes");
    }
    if (bytes.empty()) throw py::value_error("a secret must not be empty");
    return base::Secret(std::move(bytes));
}

std::vector<base::Secret> secrets_from(const py::sequence& objects) {
    if (py::isinstance<py::str>(objects) || py::isinstance<py::bytes>(objects)) {
        throw py::type_error("secrets must be a list of str or bytes, not one of them");
    }
    std::vector<base::Secret> secrets;
    for (const py::handle object : objects) secrets.push_back(secret_from(object));
    return secrets;
}

void bind_signature(py::module_& module) {
    bind_verdict(module);
    module.def(
        "canonical_json",
        [](const py::bytes& body) {
            const base::Result<std::string> text = json::canonical_json(std::string(body));
            if (!text.ok()) {
                // Callers only need to know that there is no canonical text, so there is one error.
                throw base::Failure({base::ErrorCode::kNoCanonicalForm, text.error().text});
            }
            return py::bytes(text.value());
        },
        py::arg("body"), R"(Write a JSON text the way CPython 3.11 writes it.

Shape:   bytes -> the bytes of json.dumps(json.loads(body), ensure_ascii=False), at most 995 levels deep.
Errors:  CanonicalError (a ValueError) when the body has no such text.
Source:  docs/canonical-json.md, Canonical text.)");
    module.def(
        "sign",
        [](const py::object& body, const py::object& secret) {
            return auth::sign(body_from(body), secret_from(secret));
        },
        py::arg("body"), py::arg("secret"),
        R"(Sign bytes as InCloud Manager does: Base64 of HMAC-SHA256.

Shape:   the bytes to sign (a sender that follows the guide signs canonical_json(body)) and a secret (str is encoded
         as UTF-8) -> 44 characters, the value of X-Signature.
Errors:  ValueError when the secret is empty.
Source:  docs/protocol.md, The signature.)");
    module.def(
        "verify",
        [](const py::object& body, const py::object& signature, const py::object& secrets) {
            return verify(body_from(body), signature_from(signature),
                          several_secrets_from(secrets));
        },
        py::arg("body"), py::arg("signature"), py::arg("secrets"),
        R"(Check X-Signature: with every secret, first over the raw body, then over its canonical text.

Shape:   the body as received, the value of the header (None: the request has none), 1..n secrets -> Verdict.
Errors:  ConfigError when there is no secret, ValueError when a secret is empty.
Threads: any; tags are compared in constant time.
Source:  docs/protocol.md, The signature.)");
}

}  // namespace incm::bindings
