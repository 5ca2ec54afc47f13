#include "incm/auth/tokens.h"

#include <openssl/crypto.h>

#include "incm/auth/signature.h"

namespace incm::auth {

TokenList::TokenList(const std::vector<Token>& tokens) {
    all_.reserve(tokens.size());
    for (const Token& one : tokens) {
        all_.push_back({digest_parts({one.secret.reveal()}), {one.name, one.may_change}});
    }
}

std::optional<Holder> TokenList::find(std::string_view text) const {
    const base::Digest given = digest_parts({text});
    const Known* found = nullptr;
    for (const Known& one : all_) {
        if (CRYPTO_memcmp(one.digest.data(), given.data(), given.size()) == 0) found = &one;
    }
    return found == nullptr ? std::nullopt : std::optional(found->holder);
}

}  // namespace incm::auth
