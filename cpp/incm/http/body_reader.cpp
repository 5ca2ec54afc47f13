#include "incm/http/body_reader.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <Poco/Net/HTTPFixedLengthStream.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/Net/HTTPStream.h>
#include <Poco/Net/NetException.h>

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using Poco::Net::HTTPServerRequest;

constexpr std::size_t kMaxChunkLine = 256;  // size and extensions
constexpr std::size_t kMaxTrailerBytes = 8 * 1024;
constexpr std::size_t kMaxDrainedBytes = 16 * 1024 * 1024;
constexpr std::chrono::milliseconds kMaxDrainTime{2000};
constexpr Poco::Timespan::TimeDiff kDrainPollUs = 250'000;

Poco::Net::HTTPServerSession& session_of(HTTPServerRequest& request) {
    return dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).session();
}

/// Read exactly size bytes of what stands on the connection, never a byte more (it would belong to
/// the next request). The buffer is used directly since a stream would swallow the time-out's
/// exception.
std::size_t read_exactly(HTTPServerRequest& request, char* to, std::size_t size) {
    Poco::Net::HTTPFixedLengthInputStream part(
        session_of(request), static_cast<Poco::Net::HTTPFixedLengthStreamBuf::ContentLength>(size));
    return static_cast<std::size_t>(part.rdbuf()->sgetn(to, static_cast<std::streamsize>(size)));
}

std::optional<std::size_t> read_number(std::string_view digits, std::size_t base) {
    constexpr std::size_t kTooLarge = SIZE_MAX / 32;
    if (digits.empty()) return std::nullopt;
    std::size_t value = 0;
    for (const char c : digits) {
        std::size_t digit = 16;
        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned char>(c) - std::size_t{'0'};
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<unsigned char>(c) - std::size_t{'a'} + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = static_cast<unsigned char>(c) - std::size_t{'A'} + 10;
        }
        if (digit >= base) return std::nullopt;
        value = std::min(value * base + digit, kTooLarge);
    }
    return value;
}

Error malformed(std::string text) {
    return {ErrorCode::kMalformedRequest, std::move(text)};
}

Error too_large(std::size_t max_bytes) {
    return {ErrorCode::kBodyTooLarge,
            "the body is larger than " + std::to_string(max_bytes) + " bytes"};
}

Error truncated() {
    return {ErrorCode::kTruncatedBody, "the connection ended within the body"};
}

Result<std::string> read_fixed(HTTPServerRequest& request, std::string_view length,
                               std::size_t max_bytes) {
    const std::optional<std::size_t> size = read_number(length, 10);
    if (!size) return malformed("Content-Length is not a number");
    if (*size > max_bytes) return too_large(max_bytes);
    std::string body(*size, '\0');
    if (read_exactly(request, body.data(), *size) != *size) return truncated();
    return body;
}

/// Decodes a chunked body part by part.
class ChunkReader {
 public:
    ChunkReader(HTTPServerRequest& request, std::size_t max_bytes)
        : request_(request), max_bytes_(max_bytes) {}

    Result<std::string> read() {
        std::string body;
        for (;;) {
            const Result<std::size_t> size = read_size();
            if (!size.ok()) return size.error();
            if (size.value() == 0) break;
            if (size.value() > max_bytes_ - body.size()) return too_large(max_bytes_);
            const std::size_t before = body.size();
            body.resize(before + size.value());
            if (read_exactly(request_, body.data() + before, size.value()) != size.value()) {
                return truncated();
            }
            const Result<std::string> end = read_line(2);
            if (!end.ok()) return end.error();
            if (!end.value().empty()) return malformed("a chunk is longer than its size says");
        }
        const base::Status trailer = skip_trailer();
        if (!trailer.ok()) return trailer.error();
        return body;
    }

 private:
    /// A line without its CRLF; max_bytes counts both.
    Result<std::string> read_line(std::size_t max_bytes) {
        std::string line;
        while (line.size() < max_bytes) {
            char c = 0;
            if (read_exactly(request_, &c, 1) != 1) return truncated();
            line.push_back(c);
            if (c != '\n') continue;
            if (line.size() < 2 || line[line.size() - 2] != '\r') break;
            line.resize(line.size() - 2);
            return line;
        }
        return malformed("a line of the chunked body is too long or has no CRLF");
    }

    Result<std::size_t> read_size() {
        const Result<std::string> line = read_line(kMaxChunkLine);
        if (!line.ok()) return line.error();
        std::string_view digits(line.value());
        digits = digits.substr(0, digits.find(';'));
        while (!digits.empty() && (digits.back() == ' ' || digits.back() == '\t')) {
            digits.remove_suffix(1);
        }
        const std::optional<std::size_t> size = read_number(digits, 16);
        if (!size) return malformed("a chunk has no size");
        return *size;
    }

    base::Status skip_trailer() {
        for (std::size_t bytes = 0; bytes < kMaxTrailerBytes;) {
            const Result<std::string> line = read_line(kMaxTrailerBytes - bytes);
            if (!line.ok()) return line.error();
            if (line.value().empty()) return base::success();
            bytes += line.value().size() + 2;
        }
        return malformed("the trailer section is too long");
    }

    HTTPServerRequest& request_;
    const std::size_t max_bytes_;
};

bool is_chunked(std::string_view coding) {
    return std::ranges::equal(coding, std::string_view("chunked"), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

Result<std::string> read_framed(HTTPServerRequest& request, std::size_t max_bytes) {
    std::size_t lengths = 0;
    std::size_t codings = 0;
    for (const auto& [name, value] : request) {
        lengths += Poco::icompare(name, "Content-Length") == 0 ? 1U : 0U;
        codings += Poco::icompare(name, "Transfer-Encoding") == 0 ? 1U : 0U;
    }
    if (lengths + codings > 1) {
        return malformed("the length of the body is given more than once");
    }
    if (codings == 1) {
        if (!is_chunked(request.get("Transfer-Encoding"))) {
            return malformed("the only transfer coding taken is chunked");
        }
        return ChunkReader(request, max_bytes).read();
    }
    if (lengths == 0) {
        return Error{ErrorCode::kLengthRequired, "send Content-Length, or a chunked body"};
    }
    return read_fixed(request, request.get("Content-Length"), max_bytes);
}

}  // namespace

Result<std::string> read_body(HTTPServerRequest& request, std::size_t max_bytes) {
    try {
        return read_framed(request, max_bytes);
    } catch (const Poco::TimeoutException&) {
        return Error{ErrorCode::kTimeout, "the body did not arrive in time"};
    } catch (const Poco::IOException&) {
        return truncated();
    }
}

void drain(HTTPServerRequest& request) noexcept {
    try {
        Poco::Net::StreamSocket& socket = session_of(request).socket();
        socket.shutdownSend();
        const auto deadline = std::chrono::steady_clock::now() + kMaxDrainTime;
        std::size_t drained = 0;
        std::string scrap(64 * 1024, '\0');
        while (drained < kMaxDrainedBytes && std::chrono::steady_clock::now() < deadline) {
            if (!socket.poll(Poco::Timespan(kDrainPollUs), Poco::Net::Socket::SELECT_READ))
                continue;
            const int count = socket.receiveBytes(scrap.data(), static_cast<int>(scrap.size()));
            if (count <= 0) return;
            drained += static_cast<std::size_t>(count);
        }
    } catch (...) {
        // The peer is gone: there is nobody left for whom the answer could be saved.
        return;
    }
}

}  // namespace incm::http
