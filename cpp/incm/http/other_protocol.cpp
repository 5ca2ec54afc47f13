#include "incm/http/other_protocol.h"

namespace incm::http {

std::string other_protocol(std::string_view first_bytes) {
    constexpr std::string_view kProxySignature{"\r\n\r\n\0\r\nQUIT\n", 12};
    if (first_bytes.starts_with('\x16')) {
        return "the client speaks TLS, but this port does not: use http:// instead of https://, "
               "or give the receiver a certificate (tls)";
    }
    if (first_bytes.starts_with("PROXY ") || first_bytes.starts_with(kProxySignature)) {
        return "the connection begins with a PROXY header: set proxy_protocol = true, and list the "
               "proxy in trusted_proxies";
    }
    if (first_bytes.starts_with("PRI * HTTP/2.0")) {
        return "the client speaks HTTP/2: let the proxy speak HTTP/1.1 to the receiver";
    }
    return {};
}

}  // namespace incm::http
