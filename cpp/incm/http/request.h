#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "incm/http/connection.h"
#include "incm/http/connection_rules.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// A request that a Connection found whole, as its handler sees it.
///
/// Names are found whatever their case, values come without blanks around them. All views are into
/// the connection, and valid until it advances.
/// Threads: one.
/// Source:  RFC 9112, sections 3 and 5; RequestHeadParser has checked every byte.
class Request {
 public:
    explicit Request(Connection& connection);

    [[nodiscard]] std::string_view method() const { return method_; }
    /// A path with or without a query, or `*`.
    [[nodiscard]] std::string_view target() const { return target_; }
    /// The target without its query.
    [[nodiscard]] std::string_view path() const { return target_.substr(0, target_.find('?')); }
    /// Whom it was sent to, `HOST` or `HOST:PORT`: by the target if that is absolute, else by Host;
    /// "" when it does not say.
    [[nodiscard]] std::string_view authority() const;
    /// HTTP/1.0 or HTTP/1.1.
    [[nodiscard]] std::string_view version() const { return version_; }

    /// The value of the first field of that name, which is given in lower case.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;
    /// The values of all fields of that name, in their order, with commas between (RFC 9110,
    /// section 5.3); "" when there is none.
    [[nodiscard]] std::string joined(std::string_view name) const;

    /// Whether it says that its body is compressed (Content-Encoding).
    [[nodiscard]] bool is_coded() const { return connection_.head().is_coded; }

    /// The body, whole and decoded; empty when it has none. Once for each request.
    [[nodiscard]] std::string take_body() { return connection_.take_body(); }

    /// Whom the request is from: the client's address, or what a trusted proxy says it is, by the
    /// PROXY protocol or else by X-Forwarded-For.
    [[nodiscard]] net::IpAddress client(const ConnectionRules& rules) const;

 private:
    void visit(std::string_view name, const std::function<bool(std::string_view)>& visitor) const;

    Connection& connection_;
    std::string_view method_;
    std::string_view target_;
    std::string_view authority_;  // of the target
    std::string_view version_;
    std::string_view fields_;  // whole lines
};

}  // namespace incm::http
