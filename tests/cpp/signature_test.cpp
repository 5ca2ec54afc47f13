#include "incm/auth/signature.h"

#include <atomic>
#include <thread>

#include "golden.h"
#include "hex.h"
#include <gtest/gtest.h>

#include "incm/base/result.h"

namespace {

using incm::auth::digest_parts;
using incm::auth::Refusal;
using incm::auth::sign;
using incm::auth::SignedForm;
using incm::auth::Verdict;
using incm::auth::Verifier;
using incm::base::base64_decode_digest;
using incm::base::ErrorCode;
using incm::base::Failure;
using incm::base::Secret;

constexpr std::string_view kBody = R"({"type":"reboot","entityName":"\u5317"})";
constexpr std::string_view kCanonical = "{\"type\": \"reboot\", \"entityName\": \"\xe5\x8c\x97\"}";

std::vector<Secret> secrets(std::initializer_list<const char*> texts) {
    std::vector<Secret> list;
    for (const char* text : texts) {
        list.emplace_back(text);
    }
    return list;
}

std::optional<std::string> form_of(const Verdict& verdict) {
    if (!verdict.ok()) {
        return std::nullopt;
    }
    return verdict.form == SignedForm::kRaw ? "raw" : "canonical";
}

TEST(Verifier, GoldenVectors) {
    std::size_t count = 0;
    for (const auto& vector : golden::signature_vectors()) {
        SCOPED_TRACE(vector.name);
        ++count;
        const Verifier verifier({Secret(vector.secret)});
        const Verdict verdict = verifier.verify(vector.body, vector.signature);
        EXPECT_EQ(form_of(verdict), vector.form);
        if (verdict.ok()) {
            EXPECT_EQ(verdict.text(vector.body),
                      verdict.form == SignedForm::kRaw ? vector.body : *vector.canonical);
            EXPECT_EQ(sign(verdict.text(vector.body), Secret(vector.secret)), vector.signature);
        } else {
            EXPECT_TRUE(verdict.canonical.empty());
        }
    }
    EXPECT_EQ(count, 135U);
}

TEST(Verifier, SaysWhyItRefuses) {
    const Verifier verifier(secrets({"topsecret"}));
    EXPECT_EQ(verifier.verify(kBody, std::nullopt).refusal, Refusal::kMissing);
    EXPECT_EQ(verifier.verify(kBody, "").refusal, Refusal::kMalformed);
    EXPECT_EQ(verifier.verify(kBody, "no Base64").refusal, Refusal::kMalformed);
    EXPECT_EQ(verifier.verify(kBody, sign("other", Secret("topsecret"))).refusal,
              Refusal::kMismatch);
    EXPECT_EQ(verifier.verify(kBody, sign(kBody, Secret("other"))).refusal, Refusal::kMismatch);
    EXPECT_EQ(verifier.verify("no JSON", sign(kBody, Secret("topsecret"))).refusal,
              Refusal::kMismatch);
    EXPECT_TRUE(verifier.verify("no JSON", sign("no JSON", Secret("topsecret"))).ok());
    EXPECT_TRUE(verifier.verify("", sign("", Secret("topsecret"))).ok());
}

TEST(Verifier, TriesEverySecretInOrder) {
    const Verifier verifier(secrets({"new", "old", "older", "old"}));
    for (const auto& [secret, index] : {std::pair{"new", 0U}, {"old", 1U}, {"older", 2U}}) {
        const Verdict raw = verifier.verify(kBody, sign(kBody, Secret(secret)));
        EXPECT_EQ(form_of(raw), "raw");
        EXPECT_EQ(raw.secret_index, index);
        EXPECT_EQ(raw.text(kBody), kBody);
        EXPECT_TRUE(raw.canonical.empty());
        const Verdict canonical = verifier.verify(kBody, sign(kCanonical, Secret(secret)));
        EXPECT_EQ(form_of(canonical), "canonical");
        EXPECT_EQ(canonical.secret_index, index);
        EXPECT_EQ(canonical.text(kBody), kCanonical);
    }
    EXPECT_FALSE(verifier.verify(kBody, sign(kBody, Secret("oldest"))).ok());
}

TEST(Verifier, HandsOnOnlyWhatWasSigned) {
    // Two parsers may disagree about which "type" counts: the signed text has just one.
    const Verifier verifier(secrets({"topsecret"}));
    const std::string body = R"({"type": "reboot", "type": "disconnected"})";
    const std::string signed_text = R"({"type": "disconnected"})";
    const Verdict verdict = verifier.verify(body, sign(signed_text, Secret("topsecret")));
    EXPECT_EQ(form_of(verdict), "canonical");
    EXPECT_EQ(verdict.text(body), signed_text);
    EXPECT_FALSE(verifier.verify(body, sign(R"({"type": "reboot"})", Secret("topsecret"))).ok());
}

TEST(Verifier, WhatCameBeforeDoesNotChangeTheVerdict) {
    struct Case {
        std::string_view body;
        std::string signature;
        std::optional<std::string> form;
    };
    const Secret secret("topsecret");
    const std::vector<Case> cases = {
        {kBody, sign(kBody, secret), "raw"},
        {kBody, sign(kCanonical, secret), "canonical"},
        {kCanonical, sign(kCanonical, secret), "raw"},
        {kBody, sign("other", secret), std::nullopt},
        {"no JSON", sign("no JSON", secret), "raw"},
        {"no JSON", sign("other", secret), std::nullopt},
    };
    const Verifier verifier(secrets({"other", "topsecret"}));
    for (const Case& before : cases) {
        for (const Case& now : cases) {
            SCOPED_TRACE(std::string(before.body) + ", then " + std::string(now.body));
            EXPECT_EQ(form_of(verifier.verify(before.body, before.signature)), before.form);
            const Verdict verdict = verifier.verify(now.body, now.signature);
            EXPECT_EQ(form_of(verdict), now.form);
            EXPECT_EQ(verdict.canonical, now.form == "canonical" ? kCanonical : "");
        }
    }
}

TEST(Verifier, EveryBitOfTheTagCounts) {
    const Verifier verifier(secrets({"topsecret"}));
    const auto tag = base64_decode_digest(sign(kBody, Secret("topsecret")));
    ASSERT_TRUE(tag);
    for (std::size_t bit = 0; bit < 256; ++bit) {
        auto wrong = *tag;
        wrong[bit / 8] = static_cast<std::uint8_t>(wrong[bit / 8] ^ (1U << (bit % 8)));
        EXPECT_FALSE(verifier.verify(kBody, incm::base::base64_encode(wrong)).ok()) << bit;
    }
}

TEST(Verifier, NeedsSecrets) {
    const auto code = [](const std::vector<Secret>& list) {
        try {
            const Verifier verifier(list);
        } catch (const Failure& failure) {
            return failure.code();
        }
        return ErrorCode::kInternal;
    };
    EXPECT_EQ(code({}), ErrorCode::kBadConfig);
    EXPECT_EQ(code(secrets({""})), ErrorCode::kBadConfig);
    EXPECT_EQ(code(secrets({"topsecret", ""})), ErrorCode::kBadConfig);
    EXPECT_THROW(static_cast<void>(sign(kBody, Secret(""))), Failure);
}

TEST(Verifier, ManyThreadsAtOnce) {
    const Verifier verifier(secrets({"first", "second"}));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&verifier, &wrong, thread] {
            const Secret secret(thread % 2 == 0 ? "first" : "second");
            for (int i = 0; i < 500; ++i) {
                const std::string number = std::to_string(thread * 1000 + i);
                const std::string body = "[" + number + ",1.50]";
                const std::string other = "[" + number + ", 1.5]";
                const Verdict raw = verifier.verify(body, sign(body, secret));
                const Verdict canonical = verifier.verify(body, sign(other, secret));
                const Verdict refused = verifier.verify(other, sign(body, secret));
                const bool right = form_of(raw) == "raw" && form_of(canonical) == "canonical" &&
                                   canonical.canonical == other && !refused.ok() &&
                                   raw.secret_index == static_cast<std::size_t>(thread % 2);
                wrong += right ? 0 : 1;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(wrong, 0);
}

TEST(Sign, Rfc4231) {
    for (const auto& vector : golden::hmac_vectors()) {
        SCOPED_TRACE(vector.name);
        const auto tag = base64_decode_digest(sign(vector.data, Secret(vector.key)));
        ASSERT_TRUE(tag);
        EXPECT_EQ(incm::test::hex(*tag).substr(0, vector.tag_hex.size()), vector.tag_hex);
    }
}

TEST(DigestParts, KnownValues) {
    // SHA-256 of nothing, and of the length 3 (8 bytes, little endian) and "abc".
    EXPECT_EQ(incm::test::hex(digest_parts({})),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(incm::test::hex(digest_parts({"abc"})),
              "ce91dc5eec0139adf091900d225971d6ad246a845bad791b5693a9d0d55dd391");
}

TEST(DigestParts, PartsDoNotRunIntoEachOther) {
    EXPECT_NE(digest_parts({"ab", "c"}), digest_parts({"a", "bc"}));
    EXPECT_NE(digest_parts({"abc"}), digest_parts({"abc", ""}));
    EXPECT_NE(digest_parts({}), digest_parts({""}));
    EXPECT_EQ(digest_parts({"/webhook", kBody}), digest_parts({"/webhook", kBody}));
}

}  // namespace
