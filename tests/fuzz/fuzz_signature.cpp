// One tag has one spelling, and only the right one verifies. An input is a signature, LF and a
// body.

#include <string>

#include "fuzz_support.h"

#include "incm/auth/signature.h"
#include "incm/json/canonical.h"

namespace {

using incm::auth::Refusal;
using incm::auth::SignedForm;
using incm::fuzz::require;

const incm::base::Secret kSecret("topsecret");
const incm::base::Secret kOther("another");

void require_verifies(std::string_view body) {
    const incm::auth::Verifier verifier({kOther, kSecret});
    const auto raw = verifier.verify(body, incm::auth::sign(body, kSecret));
    require(raw.ok() && raw.secret_index == 1 && raw.text(body) == body, "a right one verifies");
    const auto canonical = incm::json::canonical_json(body);
    if (!canonical.ok()) return;
    const auto verdict = verifier.verify(body, incm::auth::sign(canonical.value(), kOther));
    require(verdict.ok() && verdict.secret_index == 0 && verdict.text(body) == canonical.value(),
            "the canonical text verifies");
    require((verdict.form == SignedForm::kRaw) == (canonical.value() == body),
            "the form is the one that fitted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view input = incm::fuzz::text_of(bytes, size);
    const std::size_t end = input.find('\n');
    const std::string_view signature = input.substr(0, end);
    const std::string_view body =
        end == std::string_view::npos ? std::string_view() : input.substr(end + 1);

    const auto digest = incm::base::base64_decode_digest(signature);
    require(!digest || incm::base::base64_encode(*digest) == signature, "a tag has one spelling");
    incm::base::Digest any{};
    std::copy_n(bytes, std::min(size, any.size()), any.begin());
    require(incm::base::base64_decode_digest(incm::base::base64_encode(any)) == any,
            "what is encoded is decoded");

    const incm::auth::Verifier verifier({kSecret});
    const auto verdict = verifier.verify(body, signature);
    require((verdict.refusal == Refusal::kMalformed) == !digest, "what is no Base64 is malformed");
    if (verdict.ok()) {
        require(incm::auth::sign(verdict.text(body), kSecret) == signature,
                "a wrong one is refused");
    }
    require_verifies(body);
    return 0;
}
