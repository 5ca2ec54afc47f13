#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "incm/base/result.h"
#include "incm/net/transport.h"

namespace incm::net {

/// The files that TLS needs, in PEM form.
struct TlsFiles {
    std::string certificate;  ///< the server's certificate, then those that lead to its root
    std::string private_key;
    /// Authorities whose clients may connect (mutual TLS); "" for everybody
    std::string client_ca;
};

/// A certificate with its key, ready for connections: TLS 1.2 and 1.3, HTTP/1.1, session
/// resumption.
///
/// Threads: immutable; any. Connections keep alive what they need of it.
/// Source:  own choice, after Mozilla's "intermediate" profile.
class TlsContext {
 public:
    /// Read the files.
    ///
    /// before:  the context that this one replaces; its session tickets stay valid.
    /// Errors:  kBadConfig, naming the file and the defect: unreadable, not PEM, a key that does
    ///          not fit the certificate, an encrypted key.
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsContext>> load(
        const TlsFiles& files, const TlsContext* before);

    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    /// Return when the certificate expires, in Unix seconds.
    [[nodiscard]] std::int64_t not_after() const { return not_after_; }

    /// Return the server side of TLS over a connected, non-blocking socket, and take the socket
    /// over.
    [[nodiscard]] std::unique_ptr<Transport> accept(int descriptor) const;

 private:
    struct Native;
    TlsContext(std::unique_ptr<Native> native, std::int64_t not_after);

    const std::unique_ptr<Native> native_;
    const std::int64_t not_after_;
};

}  // namespace incm::net
