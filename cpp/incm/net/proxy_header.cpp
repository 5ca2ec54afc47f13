#include "incm/net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace incm::net {

namespace {

using base::Error;
using base::ErrorCode;
using Found = std::optional<ProxyHeader>;
using Read = base::Result<Found>;

constexpr std::string_view kTextStart = "PROXY ";
constexpr std::size_t kMaxText = 107;
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kBinaryHead = 16;
constexpr std::size_t kMaxBinaryRest = 2048;

Error malformed(const char* what) {
    return {ErrorCode::kMalformedRequest, std::string("the PROXY header ") + what};
}

/// Parse a port. Leading zeros are refused, so that nobody reads the port as octal.
bool is_port(std::string_view text) {
    if (text.size() > 1 && text.front() == '0') return false;
    unsigned port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failed == std::errc() && end == text.data() + text.size() && port <= 65535;
}

/// Read a line such as `PROXY TCP4 192.0.2.7 198.51.100.1 56324 443`, without its line end.
Read read_line(std::string_view line) {
    const std::size_t size = line.size() + 2;
    std::array<std::string_view, 6> words;
    std::size_t count = 0;
    for (std::string_view rest = line; count < words.size(); ++count) {
        const std::size_t end = rest.find(' ');
        words[count] = count + 1 < words.size() ? rest.substr(0, end) : rest;
        if (end == std::string_view::npos) {
            ++count;
            break;
        }
        rest.remove_prefix(end + 1);
    }
    if (words[1] == "UNKNOWN") return Found({size, std::nullopt});
    if (count != words.size() || (words[1] != "TCP4" && words[1] != "TCP6")) {
        return malformed("lacks the protocol or the addresses");
    }
    const std::optional<IpAddress> source = IpAddress::parse(words[2]);
    const bool v4 = words[1] == "TCP4";
    if (!source || v4 != (words[2].find(':') == std::string_view::npos) ||
        !IpAddress::parse(words[3]) || !is_port(words[4]) || !is_port(words[5])) {
        return malformed("has a wrong address or port");
    }
    return Found({size, source});
}

Read read_text(std::string_view bytes) {
    const std::size_t end = bytes.substr(0, kMaxText).find("\r\n");
    if (end != std::string_view::npos) return read_line(bytes.substr(0, end));
    if (bytes.size() >= kMaxText) return malformed("has no end");
    return Found();
}

/// Whether the byte names a stream over IPv4, IPv6 or a Unix socket, or is 0 (unspecified). For the
/// last two, the proxy's own address counts as the client.
bool is_stream(unsigned char family_and_transport) {
    return family_and_transport == 0x11 || family_and_transport == 0x21 ||
           family_and_transport == 0x31 || family_and_transport == 0x00;
}

Read read_binary(std::string_view bytes) {
    if (bytes.size() < kBinaryHead) return Found();
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    const std::size_t rest = static_cast<std::size_t>(byte(14)) * 256 + byte(15);
    if (byte(12) != 0x20 && byte(12) != 0x21) return malformed("has an unknown command");
    const bool is_local = byte(12) == 0x20;  // the proxy's own check: the rest is skipped
    if (!is_local && !is_stream(byte(13))) {
        return malformed("has a family or transport that is not TCP's");
    }
    if (rest > kMaxBinaryRest) return malformed("is too large");
    if (bytes.size() < kBinaryHead + rest) return Found();
    ProxyHeader header{kBinaryHead + rest, std::nullopt};
    if (is_local) return Found(header);
    const auto* const address = reinterpret_cast<const unsigned char*>(bytes.data() + kBinaryHead);
    const unsigned family = byte(13) >> 4;
    if (family == 1 && rest >= 12) {
        header.client = IpAddress::of_v4(address);
    } else if (family == 2 && rest >= 36) {
        header.client = IpAddress::of_v6(address);
    } else if (family == 1 || family == 2) {
        return malformed("is too short for its addresses");
    }
    return Found(header);
}

bool may_begin(std::string_view bytes, std::string_view start) {
    const std::size_t common = std::min(bytes.size(), start.size());
    return bytes.substr(0, common) == start.substr(0, common);
}

}  // namespace

Read read_proxy_header(std::string_view bytes) {
    const bool text = may_begin(bytes, kTextStart);
    if (!text && !may_begin(bytes, kSignature)) return malformed("is missing");
    if (bytes.size() < kTextStart.size()) return Found();
    return text ? read_text(bytes) : read_binary(bytes);
}

}  // namespace incm::net
