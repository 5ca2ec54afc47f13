#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"

namespace incm::net {

/// What a client finds out about a server's certificate, as far as it can be told from here.
struct CertificateFacts {
    std::int64_t not_before = 0;  ///< Unix seconds
    std::int64_t not_after = 0;   ///< Unix seconds
    /// The issuer, of it or of another one in its chain, whose certificate is neither in the file
    /// nor among the authorities that this machine trusts, so that a client can hardly have it; ""
    /// when none is missing.
    std::string missing_issuer;
    /// What it issued says where its certificate can be had, as public authorities do.
    bool issuer_is_published = false;
    /// Of the certificates in the file that lead to a root, which is not among them, the one that
    /// ends first; "" when there is none.
    std::string first_to_end;
    std::int64_t first_end = 0;  ///< Unix seconds
};

/// Look at a file of certificates in PEM form: the server's, then those that lead to its root.
///
/// Errors:  kBadConfig, naming the file: there is no certificate in it.
/// Threads: any; reads files.
/// Source:  RFC 5280, sections 4.1.2.5 and 4.2.2.1; RFC 5246, section 7.4.2.
[[nodiscard]] base::Result<CertificateFacts> look_at_certificate(const std::string& file);

}  // namespace incm::net
