// A traceparent is kept in the words of version 00, whatever a client sends, and is safe to send
// on.

#include <string>

#include "fuzz_support.h"

#include "incm/ingest/trace_context.h"

using incm::fuzz::require;
using incm::ingest::TraceContext;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::size_t kLength = 55;
    const std::string_view all = incm::fuzz::text_of(bytes, size);
    const std::size_t end = std::min(all.find('\n'), all.size());
    // Copies of their own, so that the address sanitizer sees a look beyond.
    const std::string parent(all.substr(0, end));
    const std::string state(all.substr(std::min(end + 1, all.size())));
    const auto parsed = TraceContext::parse(parent, state);
    if (!parsed) return 0;
    require(parent.size() >= kLength, "nothing shorter is a traceparent");
    const std::string text = parsed->text();
    require(text.substr(0, 3) == "00-" && text.substr(3, 50) == parent.substr(3, 50),
            "the ids stay as they are");
    for (const char c : text) require(c >= ' ' && c <= '~', "it can be sent in a header");
    require(text.size() <= kLength + 1 + TraceContext::kMaxState, "its length is bounded");
    const auto again = TraceContext::parse(text.substr(0, kLength), parsed->state);
    require(again && again->text() == text, "what was kept is read again");
    return 0;
}
