#include "incm/base/bytes.h"

#include <gtest/gtest.h>

#include "incm/base/clock.h"
#include "incm/base/secret.h"

namespace {

using incm::base::base64_decode_digest;
using incm::base::base64_encode;
using incm::base::Digest;
using incm::base::printable;

Digest counting_digest() {
    Digest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digest[i] = static_cast<std::uint8_t>(i * 7 + 3);
    }
    return digest;
}

TEST(Base64, EncodesKnownDigests) {
    EXPECT_EQ(base64_encode(Digest{}), std::string(43, 'A') + "=");
    Digest ones{};
    ones.fill(0xFF);
    EXPECT_EQ(base64_encode(ones), std::string(42, '/') + "8=");
    EXPECT_EQ(base64_encode(counting_digest()), "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw=");
}

TEST(Base64, DecodesWhatItEncodes) {
    Digest digest = counting_digest();
    for (int round = 0; round < 256; ++round) {
        for (auto& byte : digest) {
            byte = static_cast<std::uint8_t>(byte * 5 + round);
        }
        EXPECT_EQ(base64_decode_digest(base64_encode(digest)), digest);
    }
}

TEST(Base64, EachPlaceTakesTheAlphabetOnly) {
    const std::string good = base64_encode(counting_digest());
    for (std::size_t place = 0; place + 1 < good.size(); ++place) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string text = good;
            text[place] = static_cast<char>(byte);
            const auto digest = base64_decode_digest(text);
            // What is accepted is exactly what would have been written: one tag, one spelling.
            EXPECT_TRUE(!digest || base64_encode(*digest) == text) << place << " " << byte;
            const bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                                (byte >= '0' && byte <= '9') || byte == '+' || byte == '/';
            if (place != 42) {
                EXPECT_EQ(digest.has_value(), letter) << place << " " << byte;
            }
        }
    }
}

TEST(Base64, RefusesOtherSpellings) {
    const std::string good = base64_encode(counting_digest());
    ASSERT_TRUE(base64_decode_digest(good));
    for (const std::string& text :
         {std::string(), std::string("="), good.substr(0, 43), good + "=", good + " ", " " + good,
          good + "\n", "sha256=" + good,
          good.substr(0, 40) + "====", good.substr(0, 42) + "==", std::string(44, 'A'),
          std::string(44, '='), std::string(64, 'a'), good.substr(0, 43) + std::string(1, '\0')}) {
        EXPECT_FALSE(base64_decode_digest(text)) << text;
    }
}

TEST(Base64, UnusedBitsMustBeZero) {
    const std::string zero = base64_encode(Digest{});
    int accepted = 0;
    for (const char last : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        std::string text = zero;
        text[42] = last;
        accepted += base64_decode_digest(text) ? 1 : 0;
    }
    EXPECT_EQ(accepted, 7);  // A, E, I, M, Q, U, Y
}

TEST(Printable, EscapesAllButPrintableAscii) {
    EXPECT_EQ(printable("plain ~text!"), "plain ~text!");
    EXPECT_EQ(printable("a\\b"), "a\\x5cb");
    EXPECT_EQ(printable("line\nbreak\r\t\x1b[0m\x7f"), "line\\x0abreak\\x0d\\x09\\x1b[0m\\x7f");
    EXPECT_EQ(printable(std::string_view("\0\xc3\xa9", 3)), "\\x00\\xc3\\xa9");
    EXPECT_EQ(printable(""), "");
}

TEST(Printable, CutsLongText) {
    EXPECT_EQ(printable(std::string(200, 'x')), std::string(200, 'x'));
    EXPECT_EQ(printable(std::string(201, 'x')), std::string(200, 'x') + "...");
    EXPECT_EQ(printable("abc", 2), "ab...");
    EXPECT_EQ(printable("abc", 0), "...");
}

TEST(Secret, KeepsItsBytesThroughCopiesAndMoves) {
    const std::string bytes("with\0nul", 8);
    incm::base::Secret secret(bytes);
    incm::base::Secret copy = secret;
    incm::base::Secret moved = std::move(secret);
    EXPECT_EQ(copy.reveal(), bytes);
    EXPECT_EQ(moved.reveal(), bytes);
}

TEST(Clock, BothClocksGoOn) {
    const auto first = incm::base::now();
    const auto second = incm::base::now();
    EXPECT_GT(first.wall_ms, 1'577'836'800'000);  // 2020-01-01
    EXPECT_GT(first.steady_ms, 0);
    EXPECT_GE(second.steady_ms, first.steady_ms);
}

}  // namespace
