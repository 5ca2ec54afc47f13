#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "incm/admin/refused_calls.h"
#include "incm/auth/tokens.h"
#include "incm/base/log.h"
#include "incm/http/request.h"
#include "incm/http/response.h"

namespace incm::admin {

/// Decides who may call the admin API.
///
/// Shape:   without tokens everybody may. With tokens a call needs `Authorization: Bearer TOKEN`,
///          and one that is not GET or HEAD a token that allows changes.
/// Threads: any.
/// Source:  docs/http-api.md, Tokens; RFC 6750, sections 2.1 and 3.
class Access {
 public:
    /// Replace the tokens for requests from now on.
    void set_tokens(const std::vector<auth::Token>& tokens);

    /// Return who makes a call, as the log names it: "token ops from 192.0.2.7", "the operator of
    /// this machine" or, without tokens, "192.0.2.7 without a token". None: the call was answered
    /// with 401 or 403 and a problem document, and logged (refused_calls.h).
    [[nodiscard]] std::optional<std::string> caller(const http::Request& request,
                                                    http::Response& response, base::LogSink& log);

    /// Whether the request may see what the API shows: there are no tokens, or it has one.
    [[nodiscard]] bool admits(const http::Request& request) const;

 private:
    using Kind = RefusedCalls::Kind;
    void note(Kind kind, const std::string& sentence, base::LogSink& log);
    [[nodiscard]] std::shared_ptr<const auth::TokenList> tokens() const;

    mutable std::mutex mutex_;  // protects the members below
    std::shared_ptr<const auth::TokenList> tokens_ = std::make_shared<const auth::TokenList>();
    RefusedCalls refused_;
};

}  // namespace incm::admin
