#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "incm/http/connection.h"
#include "incm/http/connection_rules.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// A complete request of a Connection, as its handler sees it.
///
/// Field names match in any case; values come without the blanks around them. All views point into
/// the connection, and are valid until it advances.
/// Threads: one.
/// Source:  RFC 9112, sections 3 and 5; RequestHeadParser has checked every byte.
class Request {
 public:
    explicit Request(Connection& connection);

    [[nodiscard]] std::string_view method() const { return method_; }
    /// The path with its query, if any, or `*`.
    [[nodiscard]] std::string_view target() const { return target_; }
    /// The target without its query.
    [[nodiscard]] std::string_view path() const { return target_.substr(0, target_.find('?')); }
    /// The host that the request is for, as `HOST` or `HOST:PORT`: that of an absolute target, else
    /// that of the Host field; "" when there is neither.
    [[nodiscard]] std::string_view authority() const;
    /// HTTP/1.0 or HTTP/1.1.
    [[nodiscard]] std::string_view version() const { return version_; }

    /// Return the value of the first field with this name. `name` must be lower case.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;
    /// Return the values of all fields with this name, in order, joined by commas (RFC 9110,
    /// section 5.3); "" when there is none.
    [[nodiscard]] std::string joined(std::string_view name) const;

    /// Whether the body is declared as compressed (Content-Encoding).
    [[nodiscard]] bool is_coded() const { return connection_.head().is_coded; }

    /// Return the complete, decoded body; empty when there is none. Call it once for each request.
    [[nodiscard]] std::string take_body() { return connection_.take_body(); }

    /// Return the address of the client: the peer, or the one that a trusted proxy reports by the
    /// PROXY protocol, or else by X-Forwarded-For.
    [[nodiscard]] net::IpAddress client(const ConnectionRules& rules) const;

 private:
    void visit(std::string_view name, const std::function<bool(std::string_view)>& visitor) const;

    Connection& connection_;
    std::string_view method_;
    std::string_view target_;
    std::string_view authority_;  // of an absolute target
    std::string_view version_;
    std::string_view fields_;  // whole lines
};

}  // namespace incm::http
