#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"

namespace incm::net {

/// What a client finds out about the certificate of a server, as far as this machine can know it.
struct CertificateFacts {
    std::int64_t not_before = 0;  ///< Unix seconds
    std::int64_t not_after = 0;   ///< Unix seconds
    /// The issuer whose certificate is missing: it signed the server's certificate or another one
    /// of the chain, and is neither in the file nor among the authorities that this machine trusts,
    /// so that a client can hardly have it. "" when none is missing.
    std::string missing_issuer;
    /// Whether the certificate that it signed names an address of the issuer's certificate, as
    /// those of public authorities do.
    bool issuer_is_published = false;
    /// The certificate that ends first, of those in the file that lead to the root; the root itself
    /// does not count. "" when there is none.
    std::string first_to_end;
    std::int64_t first_end = 0;  ///< Unix seconds
};

/// Read a file of certificates in PEM form: the server's, then those that lead to its root.
///
/// Errors:  kBadConfig, naming the file, when it holds no certificate.
/// Threads: any; reads files.
/// Source:  RFC 5280, sections 4.1.2.5 and 4.2.2.1; RFC 5246, section 7.4.2.
[[nodiscard]] base::Result<CertificateFacts> look_at_certificate(const std::string& file);

}  // namespace incm::net
