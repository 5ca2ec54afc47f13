// A PROXY header is found in one way, however its bytes arrive, and never beyond its limits.

#include <string>

#include "fuzz_support.h"

#include "incm/net/proxy_header.h"

using incm::fuzz::require;
using incm::net::read_proxy_header;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::size_t kLargest = 16 + 2048;
    const std::string_view all = incm::fuzz::text_of(bytes, size);
    const auto whole = read_proxy_header(all);
    for (std::size_t length = 0; length <= std::min(all.size(), kLargest); ++length) {
        // A copy of its own, so that the address sanitizer sees a look beyond.
        const std::string part(all.substr(0, length));
        const auto early = read_proxy_header(part);
        if (!early.ok()) {
            require(!whole.ok(), "what a beginning is refused for is refused in all");
            return 0;
        }
        if (!early.value()) continue;
        require(early.value()->size == length, "a header is known with its last byte");
        require(whole.ok() && whole.value() && whole.value()->size == length &&
                    whole.value()->client == early.value()->client,
                "what follows changes nothing");
        if (const auto client = early.value()->client) {
            require(incm::net::IpAddress::parse(client->text()) == client, "an address is one");
        }
        return 0;
    }
    require(all.size() < kLargest, "more is not waited for");
    require(whole.ok() && !whole.value(), "a beginning waits for the rest");
    return 0;
}
