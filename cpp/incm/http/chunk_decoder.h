#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "incm/base/result.h"

namespace incm::http {

/// Return the error for a body that is larger than max_bytes.
[[nodiscard]] base::Error body_too_large(std::size_t max_bytes);

/// Decodes a chunked body as its bytes arrive.
///
/// Units:   at most max_bytes of content, 256 bytes for the size line of a chunk, 16 KiB of size
///          lines with extensions, 4 KiB of trailers. Extensions and trailers are checked and
///          discarded.
/// Threads: one.
/// Source:  RFC 9112, section 7.1.
class ChunkDecoder {
 public:
    explicit ChunkDecoder(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    /// Decode `bytes`, and append the content to `body`.
    ///
    /// Returns: how many bytes were used: all of them, unless the body has ended.
    /// Errors:  kMalformedRequest, kBodyTooLarge, kHeaderTooLarge (trailers). Do not call it again
    ///          after an error.
    [[nodiscard]] base::Result<std::size_t> feed(std::string_view bytes, std::string& body);

    [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
    enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

    [[nodiscard]] base::Status parse_byte(char c, std::size_t body_bytes);
    [[nodiscard]] base::Status parse_line(std::size_t body_bytes);
    [[nodiscard]] base::Status parse_size(std::size_t body_bytes);

    const std::size_t max_bytes_;
    State state_ = State::kSize;
    std::size_t left_ = 0;             // bytes of the chunk that have not arrived yet
    std::size_t long_line_bytes_ = 0;  // bytes of all size lines that hold more than a plain size
    std::size_t trailer_bytes_ = 0;    // bytes of all trailer lines
    std::string line_;                 // the line that has begun, with its CR
};

}  // namespace incm::http
