// A canonical text is its own canonical text, and readable to the parsers that come after.

#include <string>
#include <vector>

#include "fuzz_support.h"

#include "incm/json/canonical.h"
#include "incm/model/alert.h"

using incm::fuzz::require;
using incm::json::canonical_json;
using incm::json::comparable_json;
using incm::json::readable_json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text = incm::fuzz::text_of(bytes, size);
    std::vector<std::string> problems;
    const auto readable = readable_json(text, problems);
    require(readable.ok() || problems.empty(), "a text that is no JSON changes no problems");
    const auto comparable = comparable_json(text);
    require(comparable.ok() == readable.ok(), "what is readable can be compared");
    const auto canonical = canonical_json(text);
    if (!canonical.ok()) {
        require((canonical.error().code == incm::base::ErrorCode::kNotJson) || readable.ok(),
                "a text without canonical form is still readable");
        return 0;
    }
    require(readable.ok(), "what has a canonical form is readable");
    require(comparable.value() == canonical.value(), "it is compared by its canonical text");
    const auto again = canonical_json(canonical.value());
    require(again.ok() && again.value() == canonical.value(), "canonical twice is canonical once");
    require(incm::model::parse_alert(canonical.value()).ok(), "the parser takes a canonical text");
    std::vector<std::string> none;
    const auto strict = readable_json(readable.value(), none);
    require(strict.ok() && none.empty(), "nothing is left to rewrite in a readable text");
    return 0;
}
