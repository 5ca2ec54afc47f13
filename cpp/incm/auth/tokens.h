#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/base/secret.h"

namespace incm::auth {

/// A token by which its holder may use the admin API.
struct Token {
    std::string name;     ///< of the holder, for the log; several tokens may have the same
    base::Secret secret;  ///< the token itself
    bool may_change;      ///< whether it allows changes; it always allows reading
};

/// The holder of a token, without the token.
struct Holder {
    std::string name;
    bool may_change;
};

/// Finds the holder of a token.
///
/// Keeps digests, and no token. A search compares with all of them and takes the same time
/// whichever fits, and whether any does. Threads: immutable. Source:  own choice.
class TokenList {
 public:
    TokenList() = default;
    explicit TokenList(const std::vector<Token>& tokens);

    [[nodiscard]] bool empty() const { return all_.empty(); }
    /// Return the holder of the token; none when no token is this text.
    [[nodiscard]] std::optional<Holder> find(std::string_view text) const;

 private:
    struct Known {
        base::Digest digest;
        Holder holder;
    };
    std::vector<Known> all_;
};

}  // namespace incm::auth
