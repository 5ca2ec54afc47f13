#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace incm::base {

/// A SHA-256 digest or an HMAC-SHA256 tag.
using Digest = std::array<std::uint8_t, 32>;

/// Encode a digest as standard, padded Base64.
///
/// Shape:   32 bytes -> exactly 44 characters.
/// Threads: any.
/// Source:  RFC 4648, section 4.
[[nodiscard]] std::string base64_encode(const Digest& digest);

/// Decode the Base64 text of a digest, strictly.
///
/// Shape:   exactly 44 characters of the standard alphabet, one `=` at the end, unused bits zero
///          -> 32 bytes; anything else (white space, URL alphabet, prefix, missing padding) ->
///          empty.
/// Threads: any.
/// Source:  docs/protocol.md, The signature (44 characters); strictness: own choice, so that one
///          tag has one spelling.
[[nodiscard]] std::optional<Digest> base64_decode_digest(std::string_view text);

/// Make a text safe for one log line.
///
/// Shape:   printable ASCII stays, every other byte and `\` become `\xHH`. A text of more than
///          max_bytes input bytes is cut there and followed by "...".
/// Threads: any.
/// Source:  docs/promises.md, P16.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 200);

}  // namespace incm::base
