#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "incm/base/result.h"
#include "incm/net/transport.h"

namespace incm::net {

/// The files that TLS needs, PEM.
struct TlsFiles {
    std::string certificate;  ///< the server's, then those that lead to its root
    std::string private_key;
    std::string client_ca;  ///< whose clients may come (mutual TLS); "" for everybody
};

/// A certificate with its key, ready for connections: TLS 1.2 and 1.3, HTTP/1.1, resumption.
///
/// Threads: immutable; any. Connections keep what they need of it.
/// Source:  own choice, after Mozilla's "intermediate" profile.
class TlsContext {
 public:
    /// Read the files.
    ///
    /// before:  the context that this one follows: its tickets go on working.
    /// Errors:  kBadConfig, naming the file and what is wrong: unreadable, no PEM, a key that does
    ///          not fit the certificate, an encrypted key.
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsContext>> load(
        const TlsFiles& files, const TlsContext* before);

    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    /// When the certificate ends, in Unix seconds.
    [[nodiscard]] std::int64_t not_after() const { return not_after_; }

    /// The server's side of TLS over a connected socket that does not block. Takes it over.
    [[nodiscard]] std::unique_ptr<Transport> accept(int descriptor) const;

 private:
    struct Native;
    TlsContext(std::unique_ptr<Native> native, std::int64_t not_after);

    const std::unique_ptr<Native> native_;
    const std::int64_t not_after_;
};

}  // namespace incm::net
