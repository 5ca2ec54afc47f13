#include "bind_clients.h"

#include <cmath>
#include <string>
#include <vector>

#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/net/certificate.h"

namespace incm::bindings {

namespace {

net::TlsFiles files_of(const std::string& certificate, const std::string& private_key,
                       const std::optional<std::string>& client_ca) {
    return {.certificate = certificate,
            .private_key = private_key,
            .client_ca = client_ca.value_or("")};
}

std::vector<net::Network> networks(const std::vector<std::string>& texts) {
    std::vector<net::Network> all;
    all.reserve(texts.size());
    for (const std::string& text : texts) {
        const std::optional<net::Network> network = net::Network::parse(text);
        if (!network) throw py::value_error("\"" + text + "\" is neither an address nor a network");
        all.push_back(*network);
    }
    return all;
}

ClientRules make_rules(std::size_t max_body_bytes, double header_timeout, double body_timeout,
                       double send_timeout, double keep_alive, std::size_t workers,
                       std::size_t max_connections, std::size_t max_connections_per_address,
                       const std::vector<std::string>& allow,
                       const std::vector<std::string>& proxies, bool proxy_protocol,
                       std::optional<net::TlsFiles> tls, const std::string& health) {
    return {.rules = {.max_body_bytes = max_body_bytes,
                      .header_timeout_ms = milliseconds(header_timeout),
                      .body_timeout_ms = milliseconds(body_timeout),
                      .send_timeout_ms = milliseconds(send_timeout),
                      .keep_alive_ms = milliseconds(keep_alive),
                      .allow = networks(allow),
                      .proxies = networks(proxies),
                      .proxy_protocol = proxy_protocol,
                      .health_path = health,
                      .refused = {}},
            .limits = {.workers = workers,
                       .connections = max_connections,
                       .per_address = max_connections_per_address},
            .tls = std::move(tls)};
}

}  // namespace

std::int64_t milliseconds(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        throw py::value_error("a time in seconds must be between 0 and 1e9");
    }
    return std::llround(seconds * 1000);
}

void bind_clients(py::module_& module) {
    py::class_<net::TlsFiles>(module, "TlsFiles",
                              "The PEM files of a TLS listener. client_ca: authorities whose "
                              "clients may connect, None for everybody.")
        .def(py::init(&files_of), py::kw_only(), py::arg("certificate"), py::arg("private_key"),
             py::arg("client_ca") = py::none())
        .def(
            "look",
            [](const net::TlsFiles& files) {
                value_or_throw(net::TlsContext::load(files, nullptr));
                return value_or_throw(net::look_at_certificate(files.certificate));
            },
            "Load the files, and return what clients find out about the certificate.\n\n"
            "Errors:  ConfigError that names the file and what is wrong with it.");
    py::class_<net::CertificateFacts>(
        module, "CertificateFacts",
        "What clients find out about a certificate. not_before, not_after: Unix seconds. "
        "missing_issuer: the issuer whose certificate is neither in the file nor trusted on this "
        "machine, or \"\"; issuer_is_published: whether the certificate that it signed names an "
        "address of the missing one; first_to_end, first_end: of the certificates in the file that "
        "lead to the root, the one that ends first, or \"\".")
        .def_readonly("not_before", &net::CertificateFacts::not_before)
        .def_readonly("not_after", &net::CertificateFacts::not_after)
        .def_readonly("missing_issuer", &net::CertificateFacts::missing_issuer)
        .def_readonly("issuer_is_published", &net::CertificateFacts::issuer_is_published)
        .def_readonly("first_to_end", &net::CertificateFacts::first_to_end)
        .def_readonly("first_end", &net::CertificateFacts::first_end);
    py::class_<ClientRules>(
        module, "ClientRules",
        "What clients of the alert listener may do.\n\n"
        "Units:   times in seconds. allow and proxies are addresses and networks (CIDR); health is "
        "a path that answers whether alerts are taken, \"\" for none.\n"
        "Errors:  ValueError for a text that is not an address.")
        .def(py::init(&make_rules), py::kw_only(), py::arg("max_body_bytes") = 1024 * 1024,
             py::arg("header_timeout") = 10.0, py::arg("body_timeout") = 30.0,
             py::arg("send_timeout") = 10.0, py::arg("keep_alive") = 620.0,
             py::arg("workers") = 256, py::arg("max_connections") = 16384,
             py::arg("max_connections_per_address") = 1000,
             py::arg("allow") = std::vector<std::string>(),
             py::arg("proxies") = std::vector<std::string>(), py::arg("proxy_protocol") = false,
             py::arg("tls") = py::none(), py::arg("health") = "");
}

}  // namespace incm::bindings
