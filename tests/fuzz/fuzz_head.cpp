// A head means the same whole and in pieces, and what is accepted keeps a few plain rules.

#include <algorithm>
#include <optional>
#include <string>

#include "fuzz_support.h"

#include "incm/http/request_head_parser.h"

namespace {

using incm::base::ErrorCode;
using incm::fuzz::require;
using incm::http::Framing;
using incm::http::RequestHead;
using incm::http::RequestHeadParser;

/// What became of a head.
struct Verdict {
    bool whole = false;
    std::optional<ErrorCode> error;
    std::size_t begin = 0;
    std::size_t end = 0;
    RequestHead head;
};

Verdict verdict_of(const RequestHeadParser& guard, const incm::base::Result<bool>& looked) {
    if (!looked.ok()) return {.error = looked.error().code};
    if (!looked.value()) return {};
    return {true, std::nullopt, guard.begin(), guard.end(), guard.head()};
}

Verdict look_at_whole(std::string_view all) {
    RequestHeadParser guard;
    const auto looked = guard.look(all);
    return verdict_of(guard, looked);
}

Verdict look_at_pieces(incm::fuzz::Pieces pieces) {
    RequestHeadParser guard;
    std::string all;
    while (!pieces.empty()) {
        all += pieces.next();
        const auto looked = guard.look(all);
        if (!looked.ok() || looked.value()) return verdict_of(guard, looked);
    }
    return {};
}

void require_same(const Verdict& a, const Verdict& b) {
    require(a.whole == b.whole && a.error == b.error, "pieces do not change the verdict");
    require(a.begin == b.begin && a.end == b.end, "pieces do not change the place");
    require(a.head.framing == b.head.framing && a.head.content_length == b.head.content_length &&
                a.head.keep_alive == b.head.keep_alive && a.head.head_only == b.head.head_only &&
                a.head.expects_continue == b.head.expects_continue,
            "pieces do not change what is found");
}

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

std::size_t lines_beginning_with(std::string_view head, std::string_view name) {
    std::size_t count = 0;
    for (std::size_t at = head.find(name); at != std::string_view::npos;
         at = head.find(name, at + 1)) {
        ++count;
    }
    return count;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t' && c != '\r' && c != '\n') || byte == 0x7F;
}

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// What is read is ASCII text without encoded words; other values are opaque.
void require_plain_where_read(const std::string& head) {
    for (const std::string_view name :
         {"host", "content-length", "transfer-encoding", "connection", "expect", "content-type",
          "content-encoding", "x-signature", "x-forwarded-for", "origin"}) {
        const std::string begin = "\n" + std::string(name) + ":";
        for (std::size_t at = head.find(begin); at != std::string::npos;
             at = head.find(begin, at + 1)) {
            const std::string line = head.substr(at, head.find('\r', at) - at);
            require(is_ascii(line) && line.find("=?") == std::string::npos,
                    "a field that is read is plain");
        }
    }
}

/// Rules that are read off the text, without the guard's own ways.
void require_strict(std::string_view all, const Verdict& found) {
    require(found.begin == 0 || found.begin == 2, "at most one empty line comes before");
    require(found.end <= all.size() && found.end - found.begin <= RequestHeadParser::kMaxHead,
            "the head lies within the bytes and its limit");
    const std::string_view text = all.substr(found.begin, found.end - found.begin);
    require(text.find("\r\n\r\n") == text.size() - 4, "the first empty line ends the head");
    require(std::ranges::none_of(text, is_control), "a head has no control character");
    require(is_ascii(text.substr(0, text.find('\r'))), "a request line is ASCII text");
    require(std::ranges::count(text, '\r') == std::ranges::count(text, '\n'),
            "every CR has its LF");
    const std::string head = lower(text);
    require_plain_where_read(head);
    const std::size_t lengths = lines_beginning_with(head, "\ncontent-length:");
    const std::size_t codings = lines_beginning_with(head, "\ntransfer-encoding:");
    require(lengths + codings <= 1, "the length is given once");
    require((found.head.framing == Framing::kLength) == (lengths == 1) &&
                (found.head.framing == Framing::kChunked) == (codings == 1),
            "the framing is the one that is given");
    require(found.head.content_length <= 9'999'999'999, "a length has ten digits at most");
    require(lines_beginning_with(head, "\nhost:") <= 1, "there is one Host");
    require(lines_beginning_with(head, "\nx-signature:") <= 1, "there is one signature");
    require(lines_beginning_with(head, "\n ") + lines_beginning_with(head, "\n\t") == 0,
            "no line is folded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const incm::fuzz::Pieces pieces(incm::fuzz::text_of(bytes, size));
    const Verdict whole = look_at_whole(pieces.all());
    require_same(whole, look_at_pieces(pieces));
    if (whole.whole) require_strict(pieces.all(), whole);
    return 0;
}
