#include "bind_signature.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings.h"
#include "verdict.h"
#include <pybind11/stl.h>

#include "incm/auth/signature.h"
#include "incm/json/canonical.h"

namespace incm::bindings {

namespace {

// The functions below take any object, because pybind11's own TypeError for a wrong argument shows
// all arguments, the secrets among them.

/// Return the bytes of a body, which live as long as the object.
std::string_view body_of(const py::handle& object) {
    if (PyBytes_Check(object.ptr()) == 0) throw py::type_error("a body must be bytes");
    return {PyBytes_AS_STRING(object.ptr()), static_cast<std::size_t>(Py_SIZE(object.ptr()))};
}

/// Return the characters of a signature, which live as long as the object.
std::optional<std::string_view> signature_of(const py::handle& object) {
    if (object.is_none()) return std::nullopt;
    if (PyBytes_Check(object.ptr()) != 0) return body_of(object);
    if (PyUnicode_Check(object.ptr()) == 0) throw py::type_error("a signature must be str or None");
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
    if (text != nullptr) return std::string_view(text, static_cast<std::size_t>(size));
    PyErr_Clear();  // a lone surrogate, which no signature has: malformed like any other text
    return "?";
}

py::object verify(const VerdictType& type, const auth::Verifier& verifier, const py::object& body,
                  const py::object& signature) {
    return type.make(verifier.verify(body_of(body), signature_of(signature)), body);
}

std::vector<base::Secret> several_secrets_from(const py::handle& object) {
    if (!py::isinstance<py::sequence>(object)) {
        throw py::type_error("secrets must be a list of str or bytes");
    }
    return secrets_from(py::reinterpret_borrow<py::sequence>(object));
}

void bind_verifier(py::module_& module, const VerdictType& type) {
    py::class_<auth::Verifier>(
        module, "Verifier",
        R"(Checks X-Signature against a fixed set of secrets, as verify() does, for many requests.

Shape:   1..n secrets, in the order in which they are tried (str is encoded as UTF-8). It keeps their keyed hash
         states, and which form was signed last: nothing of a secret is prepared again.
Errors:  ConfigError when there is no secret, ValueError when a secret is empty.
Threads: immutable; verify() may be called from any number of threads at once.
Source:  docs/protocol.md, The signature.)")
        .def(py::init([](const py::object& secrets) {
                 return std::make_unique<auth::Verifier>(several_secrets_from(secrets));
             }),
             py::arg("secrets"))
        .def(
            "verify",
            [type](const auth::Verifier& self, const py::object& body,
                   const py::object& signature) { return verify(type, self, body, signature); },
            py::arg("body"), py::arg("signature"),
            R"(Check X-Signature: with every secret, over the raw body and over its canonical text.

Shape:   the body as received, the value of the header (None: the request has none) -> the Verdict of verify().
Errors:  TypeError when the body is not bytes, or the signature not str, bytes or None.
Threads: any; tags are compared in constant time.
Source:  docs/protocol.md, The signature.)")
        .def("__repr__", [](const auth::Verifier&) { return "<Verifier>"; });
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
    const VerdictType type(module);
    bind_verifier(module, type);
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
            return auth::sign(body_of(body), secret_from(secret));
        },
        py::arg("body"), py::arg("secret"),
        R"(Sign bytes as InCloud Manager does: Base64 of HMAC-SHA256.

Shape:   the bytes to sign (a sender that follows the guide signs canonical_json(body)) and a secret (str is encoded
         as UTF-8) -> 44 characters, the value of X-Signature.
Errors:  ValueError when the secret is empty.
Source:  docs/protocol.md, The signature.)");
    module.def(
        "verify",
        [type](const py::object& body, const py::object& signature, const py::object& secrets) {
            return verify(type, auth::Verifier(several_secrets_from(secrets)), body, signature);
        },
        py::arg("body"), py::arg("signature"), py::arg("secrets"),
        R"(Check X-Signature: with every secret, first over the raw body, then over its canonical text.

Shape:   the body as received, the value of the header (None: the request has none), 1..n secrets -> Verdict.
Errors:  ConfigError when there is no secret, ValueError when a secret is empty.
Threads: any; tags are compared in constant time.
Source:  docs/protocol.md, The signature.)");
}

}  // namespace incm::bindings
