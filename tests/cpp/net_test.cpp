#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "incm/http/forwarded_for.h"
#include "incm/ingest/rate_limit.h"
#include "incm/net/ip_address.h"
#include "incm/net/proxy_header.h"

namespace {

using incm::net::IpAddress;
using incm::net::Network;
using incm::net::read_proxy_header;

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
    for (const char* text : {"192.0.2.7", "127.0.0.1", "2001:db8::7", "::", "::1"}) {
        EXPECT_EQ(ip(text).text(), text);
    }
    EXPECT_EQ(ip("::ffff:192.0.2.7"), ip("192.0.2.7"));
    EXPECT_EQ(ip("::ffff:192.0.2.7").text(), "192.0.2.7");
    EXPECT_EQ(ip("2001:DB8:0:0:1:0:0:0").text(), "2001:db8:0:0:1::");
    for (const char* other : {"::192.0.2.7", "2001::ffff:c000:207"}) {  // not v4 within v6
        EXPECT_EQ(ip(other).text(), other);
        EXPECT_FALSE(ip(other).is_v4());
    }
    for (const char* text : {"0.0.0.0", "9.10.99.100", "255.255.255.255"}) {
        EXPECT_EQ(ip(text).text(), text);
    }
    for (const char* wrong : {"", "192.0.2", "192.0.2.256", "[::1]", "::1%lo", "1.2.3.4:5", "x"}) {
        EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
    }
}

TEST(IpAddress, KnowsWhichNetworkIsTheHolderOfAnAddress) {
    EXPECT_EQ(ip("2001:db8:1:2:ff03::4").holder(), ip("2001:db8:1:2::"));
    EXPECT_EQ(ip("192.0.2.7").holder(), ip("192.0.2.7"));
}

TEST(Network, ContainsWhatItsPrefixSays) {
    const auto contains = [](const char* network, const char* address) {
        return Network::parse(network).value().contains(ip(address));
    };
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
    EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(contains("0.0.0.0/0", "192.0.2.1"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
    EXPECT_FALSE(contains("192.0.2.7", "192.0.2.8"));
    for (const char* wrong : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8x", "/8", "host"}) {
        EXPECT_FALSE(Network::parse(wrong)) << wrong;
    }
}

std::string binary(const std::string& command_and_family, const std::string& rest) {
    const auto size = static_cast<unsigned char>(rest.size());
    return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + command_and_family + std::string(1, '\0') +
           std::string(1, static_cast<char>(size)) + rest;
}

/// Every header with the client it names; "" when the proxy speaks for itself.
std::vector<std::pair<std::string, std::string>> good_headers() {
    const std::string v4("\xC0\x00\x02\x07\xC6\x33\x64\x01\xDC\x04\x01\xBB", 12);
    const std::string v6 =
        std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + "\x07" + std::string(20, '\0');
    return {
        {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7"},
        {"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7"},
        {"PROXY UNKNOWN\r\n", ""},
        {"PROXY UNKNOWN ffff:f::1 ffff:f::2 65535 65535\r\n", ""},
        {binary("\x21\x11", v4), "192.0.2.7"},
        {binary("\x21\x11", v4 + "\x04\x01\x02xy"), "192.0.2.7"},
        {binary("\x21\x21", v6), "2001:db8::7"},
        {binary("\x20" + std::string(1, '\0'), ""), ""},
        {binary("\x20\xFF", "skipped"), ""},
        {binary("\x21" + std::string(1, '\0'), "skipped"), ""},
        {binary("\x21\x31", std::string(216, 'u')), ""},
        {"PROXY TCP4 192.0.2.7 198.51.100.1 0 1\r\n", "192.0.2.7"},
    };
}

TEST(ProxyHeader, IsReadInBothVersionsAndCutAnywhere) {
    for (const auto& [header, client] : good_headers()) {
        for (std::size_t end = 0; end < header.size(); ++end) {
            const auto begun = read_proxy_header(header.substr(0, end));
            ASSERT_TRUE(begun.ok()) << header << " cut at " << end;
            EXPECT_FALSE(begun.value()) << header << " cut at " << end;
        }
        const auto whole = read_proxy_header(header + "POST /");
        ASSERT_TRUE(whole.ok() && whole.value()) << header;
        EXPECT_EQ(whole.value()->size, header.size());
        EXPECT_EQ(whole.value()->client ? whole.value()->client->text() : "", client);
    }
}

TEST(ProxyHeader, AnythingElseIsRefused) {
    const std::vector<std::string> wrong = {
        "POST / HTTP/1.1\r\n",
        "PROXIES",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 x\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 080 443\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 80 00\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 80 443\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
        "PROXY TCP5 192.0.2.7 192.0.2.8 1 2\r\n",
        "PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWN " + std::string(100, 'x'),
        std::string("\r\n\r\n\0\r\nQUIT\x0B", 12),
        binary("\x22\x11", std::string(12, '\0')),
        binary("\x11\x11", std::string(12, '\0')),
        binary("\x21\x11", std::string(11, '\0')),
        binary("\x21\x12", std::string(12, '\0')),
        binary("\x21\x22", std::string(36, '\0')),
        binary("\x21\x10", std::string(12, '\0')),
        binary("\x21\x13", std::string(12, '\0')),
        binary("\x21\x01", std::string(12, '\0')),
        binary("\x21\x32", std::string(216, '\0')),
        binary("\x21\x41", std::string(36, '\0')),
        binary("\x21\xFF", std::string(36, '\0')),
        binary("\x21\x21", std::string(35, '\0')),
        std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF", 16),
    };
    for (const std::string& header : wrong) {
        EXPECT_FALSE(read_proxy_header(header).ok()) << header;
    }
}

TEST(ForwardedFor, TheFirstFromTheRightThatIsNoProxyCounts) {
    incm::http::ConnectionRules rules;
    rules.proxies = {Network::parse("10.0.0.0/8").value(), Network::parse("fd00::/8").value()};
    const auto client = [&](const char* list) {
        return incm::http::forwarded_for(list, ip("10.0.0.1"), rules).text();
    };
    EXPECT_EQ(client("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(client("198.51.100.1, 192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(client("192.0.2.7, 10.0.0.2,fd00::3"), "192.0.2.7");
    EXPECT_EQ(client("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    EXPECT_EQ(client("192.0.2.7:4711"), "192.0.2.7");
    EXPECT_EQ(client("[2001:db8::7]:4711"), "2001:db8::7");
    EXPECT_EQ(client("2001:db8::7"), "2001:db8::7");
    EXPECT_EQ(client("[2001:db8::7]"), "2001:db8::7");
    EXPECT_EQ(client("[2001:db8::7"), "10.0.0.1");
    EXPECT_EQ(client(""), "10.0.0.1");
    EXPECT_EQ(client("192.0.2.7, unknown"), "10.0.0.1");
    EXPECT_EQ(client("192.0.2.7, unknown, 10.0.0.2"), "10.0.0.2");
}

TEST(RateLimit, AllowsSoManyAtOnceAndThenEvenly) {
    incm::ingest::RateLimit limit({.count = 3, .per_ms = 3000});
    constexpr std::int64_t kStart = 1'000'000;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allows(kStart));
    EXPECT_FALSE(limit.allows(kStart));
    EXPECT_FALSE(limit.allows(kStart + 999));
    EXPECT_TRUE(limit.allows(kStart + 1000));
    EXPECT_FALSE(limit.allows(kStart + 1001));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.allows(kStart + 60'000));
    EXPECT_FALSE(limit.allows(kStart + 60'000));
    incm::ingest::RateLimit none({});
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(none.allows(kStart));
}

}  // namespace
