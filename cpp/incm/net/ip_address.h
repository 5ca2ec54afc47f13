#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace incm::net {

/// An IPv4 or IPv6 address. An IPv4 address equals its IPv4-mapped IPv6 form.
///
/// Threads: a value.
class IpAddress {
 public:
    /// The unspecified address, `::`.
    IpAddress() = default;

    /// Parse `192.0.2.7` or `2001:db8::7`; brackets, ports and zones are not accepted.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    /// Return the address in a socket address; nothing for other families.
    [[nodiscard]] static std::optional<IpAddress> of(const sockaddr& address);
    /// Make an address from its bytes in network order.
    [[nodiscard]] static IpAddress of_v4(const unsigned char* four);
    [[nodiscard]] static IpAddress of_v6(const unsigned char* sixteen);

    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool is_v4() const;
    /// Return what the address is counted as: an IPv4 address itself, or the /64 network of an IPv6
    /// address, because one client has all addresses of it.
    [[nodiscard]] IpAddress holder() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
    friend class Network;
    friend struct std::hash<IpAddress>;
    std::array<unsigned char, 16> bytes_{};
};

/// A range of addresses.
class Network {
 public:
    /// Parse `10.0.0.0/8`, `2001:db8::/32`, or a single address.
    [[nodiscard]] static std::optional<Network> parse(std::string_view text);

    /// Return the loopback networks.
    [[nodiscard]] static std::vector<Network> loopback();

    [[nodiscard]] bool contains(const IpAddress& address) const;

 private:
    IpAddress base_;
    unsigned prefix_ = 128;  // bits of the IPv6 form
};

}  // namespace incm::net

template <>
struct std::hash<incm::net::IpAddress> {
    std::size_t operator()(const incm::net::IpAddress& address) const noexcept {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(address.bytes_.data()), address.bytes_.size()});
    }
};
