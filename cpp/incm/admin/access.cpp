#include "incm/admin/access.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include <Poco/JSON/Object.h>

#include "incm/base/ascii.h"
#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/http/connection_rules.h"
#include "incm/http/problem.h"
#include "incm/net/ip_address.h"

namespace incm::admin {

namespace {

constexpr const char* kAsk = "Bearer realm=\"incm-webhook\"";

/// Return the address of the peer: the admin listener trusts no proxy.
net::IpAddress peer_of(const http::Request& request) {
    static const http::ConnectionRules kNoProxies;
    return request.client(kNoProxies);
}

bool is_of_this_machine(const net::IpAddress& peer) {
    static const std::vector<net::Network> kLoopback = net::Network::loopback();
    return std::ranges::any_of(kLoopback, [&](const auto& one) { return one.contains(peer); });
}

bool only_reads(const http::Request& request) {
    return request.method() == "GET" || request.method() == "HEAD";
}

/// Return the token of a request; "" when it names none.
std::string token_of(const http::Request& request) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string value = request.joined("authorization");
    if (value.size() < kScheme.size() ||
        !base::equals_ignoring_case(std::string_view(value).substr(0, kScheme.size()), kScheme)) {
        return {};
    }
    const std::size_t begin = value.find_first_not_of(' ', kScheme.size());
    return begin == std::string::npos ? std::string() : value.substr(begin);
}

/// Answer 401. error: RFC 6750's word for a token that is wrong; "" when there is none.
void ask_for_token(http::Response& response, const char* word, const char* title,
                   const std::string& detail, const std::string& error) {
    Poco::JSON::Object document(Poco::JSON_PRESERVE_KEY_ORDER);
    document.set("type", std::string("urn:incm-webhook:problem:") + word);
    document.set("title", title);
    document.set("status", 401);
    document.set("detail", detail);
    std::ostringstream text;
    document.stringify(text);
    response.add("WWW-Authenticate", kAsk + error);
    response.send(401, http::kProblemType, text.str());
}

}  // namespace

void Access::set_tokens(const std::vector<auth::Token>& tokens) {
    auto list = std::make_shared<const auth::TokenList>(tokens);
    const std::lock_guard lock(mutex_);
    tokens_.swap(list);
}

std::shared_ptr<const auth::TokenList> Access::tokens() const {
    const std::lock_guard lock(mutex_);
    return tokens_;
}

bool Access::admits(const http::Request& request) const {
    const auto known = tokens();
    return known->empty() || known->find(token_of(request));
}

std::optional<std::string> Access::caller(const http::Request& request, http::Response& response,
                                          base::LogSink& log) {
    const net::IpAddress peer = peer_of(request);
    const auto known = tokens();
    if (known->empty()) {
        return is_of_this_machine(peer) ? "the operator of this machine"
                                        : peer.text() + " without a token";
    }
    const std::string token = token_of(request);
    if (token.empty()) {
        note(Kind::kNoToken, "from " + peer.text() + " with 401: it has no token", log);
        ask_for_token(response, "missing-token", "The token is missing",
                      "this server wants a token: send Authorization: Bearer TOKEN", "");
        return std::nullopt;
    }
    const auto holder = known->find(token);
    if (!holder) {
        note(Kind::kWrongToken,
             "from " + peer.text() + " with 401: its token is none of the configured ones", log);
        ask_for_token(response, "wrong-token", "The token is wrong",
                      "the token is none of those that this server accepts",
                      ", error=\"invalid_token\"");
        return std::nullopt;
    }
    std::string who = "token " + base::printable(holder->name) + " from " + peer.text();
    if (!holder->may_change && !only_reads(request)) {
        note(Kind::kReadOnly, "by " + who + " with 403: its role only reads", log);
        response.send_problem({base::ErrorCode::kForbidden,
                               "the token " + base::printable(holder->name) +
                                   " only reads: a change needs one with role = \"operate\""});
        return std::nullopt;
    }
    return who;
}

void Access::note(Kind kind, const std::string& sentence, base::LogSink& log) {
    std::string line;
    {
        const std::lock_guard lock(mutex_);
        line = refused_.line(kind, sentence, base::steady_ms());
    }
    if (!line.empty()) log.write(base::LogLevel::kWarning, line);
}

}  // namespace incm::admin
