#include "incm/net/ip_address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace incm::net {

namespace {

constexpr std::array<unsigned char, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned kV4PrefixBits = 96;

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string ended(text);  // inet_pton needs a NUL at the end
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET, ended.c_str(), bytes.data()) == 1) return of_v4(bytes.data());
    if (::inet_pton(AF_INET6, ended.c_str(), bytes.data()) == 1) return of_v6(bytes.data());
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::of(const sockaddr& address) {
    if (address.sa_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        return of_v4(reinterpret_cast<const unsigned char*>(&v4.sin_addr));
    }
    if (address.sa_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        return of_v6(reinterpret_cast<const unsigned char*>(&v6.sin6_addr));
    }
    return std::nullopt;
}

IpAddress IpAddress::of_v4(const unsigned char* four) {
    IpAddress address;
    std::ranges::copy(kV4Prefix, address.bytes_.begin());
    std::copy_n(four, 4, address.bytes_.begin() + kV4Prefix.size());
    return address;
}

IpAddress IpAddress::of_v6(const unsigned char* sixteen) {
    IpAddress address;
    std::copy_n(sixteen, 16, address.bytes_.begin());
    return address;
}

std::string IpAddress::text() const {
    if (is_v4()) {  // by hand, because inet_ntop would call printf for each request
        std::string text;
        for (std::size_t i = kV4Prefix.size(); i < bytes_.size(); ++i) {
            text.append(text.empty() ? "" : ".").append(std::to_string(bytes_[i]));
        }
        return text;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
    return text.data();
}

bool IpAddress::is_v4() const {
    return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes_.begin());
}

IpAddress IpAddress::holder() const {
    IpAddress network = *this;
    if (!is_v4()) std::fill(network.bytes_.begin() + 8, network.bytes_.end(), 0);
    return network;
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<IpAddress> base = IpAddress::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    Network network;
    network.base_ = *base;
    if (slash == std::string_view::npos) return network;
    const std::string_view bits = text.substr(slash + 1);
    const auto [end, failed] =
        std::from_chars(bits.data(), bits.data() + bits.size(), network.prefix_);
    if (failed != std::errc() || end != bits.data() + bits.size()) return std::nullopt;
    const bool v4 = text.find(':') == std::string_view::npos;
    if (network.prefix_ > (v4 ? 32U : 128U)) return std::nullopt;
    if (v4) network.prefix_ += kV4PrefixBits;
    return network;
}

std::vector<Network> Network::loopback() {
    return {*parse("127.0.0.0/8"), *parse("::1")};
}

bool Network::contains(const IpAddress& address) const {
    const unsigned whole = prefix_ / 8;
    if (!std::equal(base_.bytes_.begin(), base_.bytes_.begin() + whole, address.bytes_.begin())) {
        return false;
    }
    if (prefix_ % 8 == 0) return true;
    const auto mask = static_cast<unsigned char>(0xFF << (8 - prefix_ % 8));
    return (base_.bytes_[whole] & mask) == (address.bytes_[whole] & mask);
}

}  // namespace incm::net
