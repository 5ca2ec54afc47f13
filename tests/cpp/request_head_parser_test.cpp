#include "incm/http/request_head_parser.h"

#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Net/HTTPRequest.h>
#include <gtest/gtest.h>

#include "incm/http/chunk_decoder.h"
#include "incm/http/connection_rules.h"

namespace {

using incm::base::ErrorCode;
using incm::base::Result;
using incm::http::ChunkDecoder;
using incm::http::Framing;
using incm::http::RequestHead;
using incm::http::RequestHeadParser;

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\n";

/// The head, which must be right.
RequestHead head_of(const std::string& bytes) {
    RequestHeadParser guard;
    const Result<bool> whole = guard.look(bytes);
    EXPECT_TRUE(whole.ok() && whole.value()) << bytes;
    EXPECT_EQ(guard.end(), bytes.size());
    return guard.head();
}

/// The error, however the bytes are cut; kInternal when there is none.
ErrorCode error_of(const std::string& bytes) {
    RequestHeadParser at_once;
    const Result<bool> whole = at_once.look(bytes);
    RequestHeadParser by_byte;
    Result<bool> last = false;
    for (std::size_t i = 1; i <= bytes.size() && last.ok(); ++i) {
        last = by_byte.look(std::string_view(bytes).substr(0, i));
    }
    EXPECT_EQ(whole.ok(), last.ok()) << bytes;
    if (whole.ok() || last.ok()) return ErrorCode::kInternal;
    EXPECT_EQ(whole.error().text, last.error().text);
    return whole.error().code;
}

TEST(RequestHeadParser, KnowsWhereTheHeadEndsAtEachCut) {
    const std::string head = "\r\n" + kPost + "Content-Length: 5\r\n\r\n";
    RequestHeadParser guard;
    for (std::size_t i = 0; i < head.size(); ++i) {
        const Result<bool> whole = guard.look(std::string_view(head).substr(0, i));
        ASSERT_TRUE(whole.ok());
        EXPECT_FALSE(whole.value());
    }
    EXPECT_TRUE(guard.look(head + "hello").value());
    EXPECT_EQ(guard.begin(), 2U);
    EXPECT_EQ(guard.end(), head.size());
    EXPECT_EQ(guard.head().framing, Framing::kLength);
    EXPECT_EQ(guard.head().content_length, 5U);
}

TEST(RequestHeadParser, ReadsFramingAndConnection) {
    EXPECT_EQ(head_of(kGet + "\r\n").framing, Framing::kNone);
    EXPECT_EQ(head_of(kPost + "transfer-encoding:\tCHUNKED \r\n\r\n").framing, Framing::kChunked);
    EXPECT_EQ(head_of(kPost + "Content-Length: 9999999999\r\n\r\n").content_length, 9'999'999'999U);
    for (const auto& [fields, keep_alive] : std::vector<std::pair<std::string, bool>>{
             {"", true},
             {"Connection: close\r\n", false},
             {"Connection: TE, Close\r\n", false},
             {"Connection: te\r\nConnection: close\r\n", false},
             {"Connection: ,,\r\n", true},
             {"Connection: closed\r\n", true}}) {
        EXPECT_EQ(head_of(kGet + fields + "\r\n").keep_alive, keep_alive) << fields;
    }
    EXPECT_FALSE(head_of("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n").keep_alive);
}

TEST(RequestHeadParser, MeetsOneExpectation) {
    EXPECT_TRUE(
        head_of(kPost + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
    EXPECT_FALSE(head_of("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    for (const std::string fields :
         {"Expect: foo\r\n", "Expect:\r\n", "Expect: 100-continue, foo\r\n",
          "Expect: 100-continue\r\nExpect: 100-continue\r\n"}) {
        EXPECT_EQ(error_of(kGet + fields + "\r\n"), ErrorCode::kExpectationFailed) << fields;
    }
}

TEST(RequestHeadParser, AValueThatNobodyReadsIsOpaque) {
    for (const std::string value :
         {"Z\xc3\xbcrich", "\x80\xff", "a\tb", "=?utf-8?Q?x?=", "=?", "http://a/?b=?c"}) {
        EXPECT_EQ(head_of(kPost + "CF-IPCity: " + value + "\r\nContent-Length: 1\r\n\r\n").framing,
                  Framing::kLength)
            << value;
    }
    for (char c = 0; c < 32; ++c) {
        if (c == '\t') continue;
        EXPECT_EQ(error_of(kGet + "A: x" + c + "y\r\n\r\n"), ErrorCode::kMalformedRequest)
            << int{c};
    }
}

TEST(RequestHeadParser, WhatIsReadIsAsciiTextWithoutEncodedWords) {
    for (const std::string name :
         {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Content-Type",
          "Content-Encoding", "X-Signature", "X-Forwarded-For", "Origin"}) {
        for (const std::string value : {"x\xff", "\x80", "\xc3\xa9", "=?utf-8?Q?x?=", "x=?y"}) {
            EXPECT_EQ(error_of("GET / HTTP/1.0\r\n" + name + ": " + value + "\r\n\r\n"),
                      ErrorCode::kMalformedRequest)
                << name << value;
        }
    }
    for (const std::string head : {"G\xffT / HTTP/1.1\r\n", "GET /\xc3\xa9 HTTP/1.1\r\n",
                                   "\xef\xbb\xbfGET / HTTP/1.1\r\n"}) {
        EXPECT_EQ(error_of(head), ErrorCode::kMalformedRequest);
    }
    EXPECT_EQ(error_of(kGet + "\xc3\xa9: x\r\n\r\n"), ErrorCode::kMalformedRequest);
}

TEST(RequestHeadParser, RefusesWhatPocoWouldTake) {
    for (const std::string fields : {"Content-Length: 3\r\nContent-Length: 3\r\n",
                                     "Content-Length: 1,0\r\n",
                                     "Content-Length: +3\r\n",
                                     "Content-Length: -3\r\n",
                                     "Content-Length:\r\n",
                                     "Content-Length: 3;x\r\n",
                                     "Content-Length: 00000000003\r\n",
                                     "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                                     "Transfer-Encoding: identity\r\n",
                                     "Transfer-Encoding: gzip, chunked\r\n",
                                     "Transfer-Encoding : chunked\r\n",
                                     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                     "Transfer-Encoding: =?utf-8?Q?chunked?=\r\n",
                                     "no colon\r\n",
                                     ": empty\r\n",
                                     "A: x\r\n folded\r\n",
                                     "A: \x01\r\n",
                                     "A: \x7f\r\n",
                                     "A: x\rB: y\r\n",
                                     "A: x\n",
                                     "A\n\r\n",
                                     "Host: y\r\n",
                                     "Content-Type: a\r\nContent-Type: b\r\n",
                                     "X-Signature: a\r\nx-signature: b\r\n"}) {
        EXPECT_EQ(error_of(kPost + fields + "\r\n"), ErrorCode::kMalformedRequest) << fields;
    }
    EXPECT_EQ(error_of(kPost + "A: " + std::string(1, '\0') + "\r\n\r\n"),
              ErrorCode::kMalformedRequest);
    for (const std::string head :
         {"GET /\r\n", "GET  / HTTP/1.1\r\n", "GET / x HTTP/1.1\r\n", "G(T / HTTP/1.1\r\n",
          "GET / http/1.1\r\n", "GET / HTTP/1.1 \r\n", "GET ftp://x/ HTTP/1.1\r\n",
          "GET /\t HTTP/1.1\r\n", "GET /#a HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", "\r\n\r\n", "\n",
          "\x16\x03\x01", "* * HTTP/1.1\r\n"}) {
        EXPECT_EQ(error_of(head), ErrorCode::kMalformedRequest) << head;
    }
    EXPECT_EQ(error_of("GET / HTTP/1.1\r\n\r\n"), ErrorCode::kMalformedRequest);  // no Host
    EXPECT_EQ(error_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
              ErrorCode::kMalformedRequest);
    EXPECT_EQ(error_of(kPost + "\r\n"), ErrorCode::kLengthRequired);
    for (const std::string version : {"HTTP/9.9", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9"}) {
        EXPECT_EQ(error_of("GET / " + version + "\r\n"), ErrorCode::kVersionNotSupported);
    }
}

TEST(RequestHeadParser, EveryPartHasALimit) {
    const std::string path(RequestHeadParser::kMaxRequestLine - 15, 'a');
    EXPECT_EQ(error_of("GET /" + path + " HTTP/1.1\r\n"), ErrorCode::kUriTooLong);
    head_of("GET /" + path.substr(1) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string fields;
    for (std::size_t i = 1; i < RequestHeadParser::kMaxFields; ++i) fields += "A: x\r\n";
    head_of(kGet + fields + "\r\n");
    EXPECT_EQ(error_of(kGet + fields + "A: x\r\n\r\n"), ErrorCode::kHeaderTooLarge);
    EXPECT_EQ(error_of(kGet + std::string(257, 'a') + ": x\r\n\r\n"), ErrorCode::kHeaderTooLarge);
    EXPECT_EQ(error_of(kGet + "A: " + std::string(8192, 'x') + "\r\n\r\n"),
              ErrorCode::kHeaderTooLarge);
    const std::string half = "A: " + std::string(8000, 'x') + "\r\n";
    head_of(kGet + half + half + "\r\n");
    EXPECT_EQ(error_of(kGet + half + half + half), ErrorCode::kHeaderTooLarge);
    EXPECT_EQ(error_of(std::string(33, 'A') + " / HTTP/1.1\r\n"), ErrorCode::kMalformedRequest);
}

/// The decoded body and what is left, or the error's code.
struct Decoded {
    std::string body;
    std::string rest;
    ErrorCode error = ErrorCode::kInternal;
    bool done = false;
};

Decoded decode(std::string_view bytes, std::size_t step, std::size_t max_bytes = 100) {
    ChunkDecoder decoder(max_bytes);
    Decoded decoded;
    while (!bytes.empty() && !decoder.done()) {
        const Result<std::size_t> decoded_bytes = decoder.feed(bytes.substr(0, step), decoded.body);
        if (!decoded_bytes.ok()) {
            decoded.error = decoded_bytes.error().code;
            return decoded;
        }
        bytes.remove_prefix(decoded_bytes.value());
    }
    decoded.rest = bytes;
    decoded.done = decoder.done();
    return decoded;
}

TEST(ChunkDecoder, DecodesAtEveryCut) {
    const std::string chunked =
        "5;name=\"a b\"\r\nhello\r\n00A\r\n, chunked!\r\n0\r\nT: x\r\n\r\nGET";
    for (std::size_t step = 1; step <= chunked.size(); ++step) {
        const Decoded decoded = decode(chunked, step);
        EXPECT_TRUE(decoded.done);
        EXPECT_EQ(decoded.body, "hello, chunked!");
        EXPECT_EQ(decoded.rest, "GET");
    }
}

TEST(ChunkDecoder, RefusesBrokenChunks) {
    for (const std::string broken :
         {"zz\r\n", "\r\n", "-1\r\n", "+1\r\n", "0x5\r\n", "5 \r\n", " 5\r\n", ";a\r\n", "5\n",
          "5\rx", "5;\x01\r\n", "5;\xff\r\n", "3\r\nabcdef", "3\r\nabc\n", "0\r\nno colon\r\n",
          "0\r\nA: \x01\r\n", "0\r\nA: x\n"}) {
        for (const std::size_t step : {1U, 100U}) {
            EXPECT_EQ(decode(broken, step).error, ErrorCode::kMalformedRequest) << broken;
        }
    }
    EXPECT_EQ(decode(std::string(300, '0') + "\r\n", 7).error, ErrorCode::kMalformedRequest);
    EXPECT_FALSE(decode("3\r\nabc\r\n0\r\n", 1).done);
}

TEST(ChunkDecoder, EveryPartHasALimit) {
    EXPECT_EQ(decode("65\r\n", 1).error, ErrorCode::kBodyTooLarge);
    EXPECT_EQ(decode("64\r\n" + std::string(100, 'x') + "\r\n1\r\n", 9).error,
              ErrorCode::kBodyTooLarge);
    EXPECT_EQ(decode("ffffffffffffffffffff\r\n", 1).error, ErrorCode::kBodyTooLarge);
    std::string extended;
    for (int i = 0; i < 100; ++i) extended += "1;" + std::string(200, 'e') + "\r\nx\r\n";
    EXPECT_EQ(decode(extended, 50, 1000).error, ErrorCode::kMalformedRequest);
    EXPECT_EQ(decode("0\r\nA: " + std::string(5000, 'x'), 50).error, ErrorCode::kHeaderTooLarge);
}

TEST(ChunkDecoder, AnyBytesInAnyPiecesGiveTheSame) {
    std::mt19937 random(1);
    const std::string alphabet = "0159aF;= \r\n\r\nx:";
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes;
        const std::size_t size = random() % 40;
        for (std::size_t k = 0; k < size; ++k) bytes += alphabet[random() % alphabet.size()];
        const Decoded whole = decode(bytes, bytes.size());
        const Decoded parts = decode(bytes, 1 + random() % 5);
        EXPECT_EQ(whole.error, parts.error) << bytes;
        EXPECT_EQ(whole.done, parts.done) << bytes;
        EXPECT_EQ(whole.rest, parts.rest) << bytes;
    }
}

/// Change a few bytes of a right head, towards what heads are made of.
std::string mutate(std::string head, std::mt19937& random) {
    static const std::vector<std::string> kParts = {"\r\n",
                                                    " ",
                                                    ":",
                                                    ",",
                                                    "\t",
                                                    "0",
                                                    "5",
                                                    "\r",
                                                    "\n",
                                                    "chunked",
                                                    "Content-Length: 5\r\n",
                                                    "Transfer-Encoding: chunked\r\n",
                                                    "Host: y\r\n",
                                                    "close",
                                                    "=?",
                                                    "HTTP/1.0",
                                                    "\xff"};
    for (std::size_t change = random() % 4; change > 0; --change) {
        const std::size_t at = random() % head.size();
        const std::string& part = kParts[random() % kParts.size()];
        head.replace(at, random() % 3, part);
    }
    return head;
}

TEST(RequestHeadParser, WhatItLetsThroughAnotherReaderReadsAlike) {
    std::mt19937 random(1);
    int passed = 0;
    for (int i = 0; i < 50'000; ++i) {
        const std::string bytes =
            mutate(kPost + (i % 2 ? "Content-Length: 5\r\n" : "Transfer-Encoding: chunked\r\n") +
                       "Connection: te\r\nX-Signature: abc=\r\n\r\n",
                   random);
        RequestHeadParser guard;
        const Result<bool> whole = guard.look(bytes);
        if (!whole.ok() || !whole.value()) continue;
        ++passed;
        std::istringstream in(bytes.substr(guard.begin(), guard.end() - guard.begin()));
        Poco::Net::HTTPRequest read;
        ASSERT_NO_THROW(read.read(in)) << bytes;
        EXPECT_EQ(in.get(), std::char_traits<char>::eof()) << bytes;
        const RequestHead& head = guard.head();
        EXPECT_EQ(read.getChunkedTransferEncoding(), head.framing == Framing::kChunked) << bytes;
        EXPECT_EQ(read.hasContentLength(), head.framing == Framing::kLength) << bytes;
        if (head.framing == Framing::kLength) {
            EXPECT_EQ(static_cast<std::size_t>(read.getContentLength64()), head.content_length);
        }
        EXPECT_TRUE(read.getKeepAlive() || !head.keep_alive) << bytes;
    }
    EXPECT_GT(passed, 5000);
}

TEST(BodyTime, GrowsWithTheBytesUpToItsLimit) {
    const incm::http::ConnectionRules settings;
    EXPECT_EQ(incm::http::body_time_ms(settings, 0), 10'000);
    EXPECT_EQ(incm::http::body_time_ms(settings, 5000), 15'000);
    EXPECT_EQ(incm::http::body_time_ms(settings, 1'000'000), 30'000);
    EXPECT_EQ(incm::http::body_time_ms({.body_timeout_ms = 50}, 5000), 50);
}

}  // namespace
