#include "bind_tokens.h"

#include <string>
#include <utility>
#include <vector>

#include "bindings.h"

#include "incm/auth/tokens.h"
#include "incm/base/secret.h"

namespace incm::bindings {

namespace {

/// Read triples of name, token and whether it allows changes. pybind11's own TypeError for a wrong
/// argument would show all of them, the tokens too.
std::vector<auth::Token> tokens_from(const py::handle& object) {
    std::vector<auth::Token> tokens;
    try {
        for (const py::handle one : py::reinterpret_borrow<py::object>(object)) {
            const auto triple = py::cast<py::sequence>(one);
            tokens.push_back({py::cast<std::string>(triple[0]),
                              base::Secret(std::string(py::cast<py::bytes>(triple[1]))),
                              py::cast<bool>(triple[2])});
        }
    } catch (const py::cast_error&) {
        throw py::type_error("tokens must be triples of str, bytes and bool");
    }
    return tokens;
}

}  // namespace

std::shared_ptr<admin::Access> access_of(const std::shared_ptr<AdminTokensView>& tokens) {
    return tokens ? tokens->access : std::make_shared<admin::Access>();
}

void bind_tokens(py::module_& module) {
    py::class_<AdminTokensView, std::shared_ptr<AdminTokensView>>(
        module, "AdminTokens",
        R"(The tokens of the admin listener, without which everybody may call its API.

Threads: any.
Source:  docs/http-api.md, Tokens.)")
        .def(py::init<>())
        .def(
            "set",
            [](AdminTokensView& self, const py::object& tokens) {
                self.access->set_tokens(tokens_from(tokens));
            },
            py::arg("tokens"),
            "Replace the tokens for calls from now on. tokens: triples of the holder's name, the "
            "token as bytes, and whether it allows changes; of one name there may be several.\n\n"
            "Errors:  TypeError; the old tokens stay then.");
}

}  // namespace incm::bindings
