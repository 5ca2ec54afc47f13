#include <string>

#include "bindings.h"

namespace incm::bindings {

namespace {

using base::ErrorCode;

/// Return the Python exception class of an ErrorCode. This is the only such map.
const char* class_name(ErrorCode code) {
    switch (code) {
        case ErrorCode::kNotJson:
            return "AlertError";
        case ErrorCode::kNoCanonicalForm:
            return "CanonicalError";
        case ErrorCode::kMissingSignature:
        case ErrorCode::kWrongSignature:
            return "SignatureError";
        case ErrorCode::kBadConfig:
            return "ConfigError";
        case ErrorCode::kInboxForeign:
        case ErrorCode::kInboxNewer:
        case ErrorCode::kInboxUnusable:
        case ErrorCode::kStoreFailed:
        case ErrorCode::kDiskLow:
            return "InboxError";
        case ErrorCode::kInboxInUse:
            return "InboxInUseError";
        case ErrorCode::kInboxUnavailable:
            return "InboxUnavailableError";
        case ErrorCode::kCannotListen:
            return "ListenError";
        case ErrorCode::kClosed:
            return "ClosedError";
        case ErrorCode::kMalformedRequest:
        case ErrorCode::kTruncatedBody:
        case ErrorCode::kForbidden:
        case ErrorCode::kNotFound:
        case ErrorCode::kMethodNotAllowed:
        case ErrorCode::kTimeout:
        case ErrorCode::kLengthRequired:
        case ErrorCode::kBodyTooLarge:
        case ErrorCode::kUriTooLong:
        case ErrorCode::kHeaderTooLarge:
        case ErrorCode::kVersionNotSupported:
        case ErrorCode::kExpectationFailed:
        case ErrorCode::kWrongContentType:
        case ErrorCode::kTooManyRequests:
        case ErrorCode::kBusy:
        case ErrorCode::kNotProcessed:
        case ErrorCode::kInternal:
            break;
    }
    return "Error";
}

void translate(std::exception_ptr raised) {
    try {
        if (raised) std::rethrow_exception(raised);
    } catch (const base::Failure& failure) {
        const py::object type =
            py::module_::import("incm_webhook._core").attr(class_name(failure.code()));
        py::set_error(type, failure.what());
    }
}

py::object add(py::module_& module, const char* name, const char* doc, const py::tuple& bases) {
    const std::string full = std::string("incm_webhook.") + name;
    auto type = py::reinterpret_steal<py::object>(
        PyErr_NewExceptionWithDoc(full.c_str(), doc, bases.ptr(), nullptr));
    if (!type) throw py::error_already_set();
    module.attr(name) = type;
    return type;
}

}  // namespace

void bind_errors(py::module_& module) {
    const py::handle value_error(PyExc_ValueError);
    const py::object root = add(module, "Error", "The base of all errors of incm_webhook.",
                                py::make_tuple(py::handle(PyExc_Exception)));
    add(module, "AlertError", "A text is not JSON.", py::make_tuple(root, value_error));
    add(module, "CanonicalError", "A text has no canonical form.",
        py::make_tuple(root, value_error));
    add(module, "SignatureError", "A signature is missing or wrong.",
        py::make_tuple(root, value_error));
    add(module, "ConfigError", "A setting cannot work.", py::make_tuple(root, value_error));
    const py::object inbox = add(
        module, "InboxError", "The inbox cannot be opened, read or written.", py::make_tuple(root));
    add(module, "InboxInUseError", "Another process has the inbox open.", py::make_tuple(inbox));
    add(module, "InboxUnavailableError",
        "The inbox cannot be opened now, but perhaps later: its disk is full, read-only or "
        "failing, or another program has locked it.",
        py::make_tuple(inbox));
    add(module, "ListenError", "The server cannot listen on an address.", py::make_tuple(root));
    add(module, "ClosedError", "The receiver is not started, or is stopped.", py::make_tuple(root));
    py::register_local_exception_translator(translate);
}

}  // namespace incm::bindings
