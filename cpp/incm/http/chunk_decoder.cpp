#include "incm/http/chunk_decoder.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "incm/http/grammar.h"
#include "incm/http/request_head_parser.h"

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr std::size_t kMaxSizeLine = 256;
constexpr std::size_t kPlainSizeLine = 8;
constexpr std::size_t kMaxExtensionBytes = 16 * 1024;
constexpr std::size_t kMaxTrailerBytes = 4 * 1024;

Error malformed(const char* text) {
    return {ErrorCode::kMalformedRequest, text};
}

/// Parse a chunk size. Sizes beyond every limit are cut to a huge value, so that they do not
/// overflow.
std::optional<std::size_t> read_size(std::string_view digits) {
    constexpr std::size_t kHuge = SIZE_MAX / 32;
    if (digits.empty()) return std::nullopt;
    std::size_t value = 0;
    for (const char c : digits) {
        std::size_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<std::size_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<std::size_t>(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = static_cast<std::size_t>(c - 'A') + 10;
        } else {
            return std::nullopt;
        }
        value = std::min(value * 16 + digit, kHuge);
    }
    return value;
}

}  // namespace

Error body_too_large(std::size_t max_bytes) {
    return {ErrorCode::kBodyTooLarge,
            "the body is larger than " + std::to_string(max_bytes) + " bytes"};
}

base::Result<std::size_t> ChunkDecoder::feed(std::string_view bytes, std::string& body) {
    std::size_t used = 0;
    while (used < bytes.size() && !done()) {
        if (state_ == State::kData) {
            const std::string_view data = bytes.substr(used, left_);
            body.append(data);
            used += data.size();
            left_ -= data.size();
            if (left_ == 0) state_ = State::kDataEnd;
            continue;
        }
        const Status byte = parse_byte(bytes[used], body.size());
        if (!byte.ok()) return byte.error();
        ++used;
    }
    return used;
}

Status ChunkDecoder::parse_byte(char c, std::size_t body_bytes) {
    const bool after_cr = !line_.empty() && line_.back() == '\r';
    if (after_cr != (c == '\n')) return malformed("a line of the chunked body has no CR LF");
    if (c == '\n') {
        line_.pop_back();
        Status parsed = parse_line(body_bytes);
        line_.clear();
        return parsed;
    }
    if (state_ == State::kDataEnd && c != '\r') {
        return malformed("a chunk is longer than its size");
    }
    line_.push_back(c);
    if (state_ == State::kSize && line_.size() > kMaxSizeLine) {
        return malformed("the line of a chunk's size is too long");
    }
    if (state_ == State::kTrailer && ++trailer_bytes_ > kMaxTrailerBytes) {
        return Error{ErrorCode::kHeaderTooLarge, "the trailer section is too long"};
    }
    return base::success();
}

Status ChunkDecoder::parse_line(std::size_t body_bytes) {
    switch (state_) {
        case State::kSize:
            return parse_size(body_bytes);
        case State::kDataEnd:
            state_ = State::kSize;
            return base::success();
        case State::kTrailer:
            if (!line_.empty()) return check_field(line_);
            state_ = State::kDone;
            return base::success();
        case State::kData:
        case State::kDone:
            break;
    }
    return base::success();
}

Status ChunkDecoder::parse_size(std::size_t body_bytes) {
    const std::string_view line(line_);
    const std::size_t end = std::min(line.find_first_of("; \t"), line.size());
    const std::optional<std::size_t> size = read_size(line.substr(0, end));
    if (!size) return malformed("a chunk has no size");
    if (!is_chunk_extensions(line.substr(end))) {
        return malformed("the text after a chunk's size is not a chunk extension");
    }
    if (line.size() > kPlainSizeLine) long_line_bytes_ += line.size();
    if (long_line_bytes_ > kMaxExtensionBytes)
        return malformed("the chunks have too many extensions");
    if (*size > max_bytes_ - body_bytes) return body_too_large(max_bytes_);
    left_ = *size;
    state_ = *size == 0 ? State::kTrailer : State::kData;
    return base::success();
}

}  // namespace incm::http
