// A chunked body means the same whole and in pieces, stays within its limit, and what is written in
// chunks is read back.

#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "fuzz_support.h"

#include "incm/http/chunk_decoder.h"

namespace {

using incm::fuzz::Pieces;
using incm::fuzz::require;
using incm::http::ChunkDecoder;

constexpr std::size_t kMaxBytes = 4096;

/// What became of a body.
struct Verdict {
    std::optional<incm::base::ErrorCode> error;
    bool done = false;
    std::size_t taken = 0;
    std::string body;
};

void feed(ChunkDecoder& decoder, std::string_view bytes, Verdict& verdict) {
    const auto count = decoder.feed(bytes, verdict.body);
    if (count.ok()) {
        require(count.value() == bytes.size() || decoder.done(), "all is taken until the end");
        verdict.taken += count.value();
        verdict.done = decoder.done();
    } else {
        verdict.error = count.error().code;
    }
    require(verdict.body.size() <= kMaxBytes, "the limit holds");
}

Verdict read_whole(std::string_view all) {
    ChunkDecoder decoder(kMaxBytes);
    Verdict verdict;
    feed(decoder, all, verdict);
    return verdict;
}

Verdict read_pieces(Pieces pieces) {
    ChunkDecoder decoder(kMaxBytes);
    Verdict verdict;
    while (!pieces.empty() && !verdict.error && !verdict.done) {
        feed(decoder, pieces.next(), verdict);
    }
    return verdict;
}

void require_read_back(Pieces pieces) {
    std::string wire;
    const std::string_view content = pieces.all().substr(0, kMaxBytes);
    for (std::size_t at = 0; at < content.size();) {
        const std::string_view chunk = content.substr(at, pieces.next().size());
        std::array<char, 16> digits;
        const auto end =
            std::to_chars(digits.data(), digits.data() + digits.size(), chunk.size(), 16).ptr;
        wire.append(digits.data(), end).append("\r\n").append(chunk).append("\r\n");
        at += chunk.size();
    }
    wire += "0\r\n\r\n";
    const Verdict verdict = read_whole(wire + "next");
    require(verdict.done && verdict.taken == wire.size(), "the end is found");
    require(verdict.body == content, "what was written is read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const Pieces pieces(incm::fuzz::text_of(bytes, size));
    const Verdict whole = read_whole(pieces.all());
    const Verdict apart = read_pieces(pieces);
    require(whole.error == apart.error && whole.done == apart.done,
            "pieces do not change the verdict");
    require(whole.error || (whole.taken == apart.taken && whole.body == apart.body),
            "pieces do not change the body");
    require_read_back(pieces);
    return 0;
}
