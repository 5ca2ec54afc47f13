#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

struct ssl_ctx_st;

namespace incm::net {

/// How long session tickets are made with one key, and how long each may be used, in seconds.
inline constexpr std::int64_t kTicketSeconds = 2 * 60 * 60;

/// What encrypts and authenticates session tickets.
struct TicketKey {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
};

/// The keys of session tickets: one that makes them for kTicketSeconds, and the one before it,
/// which is forgotten as long after. So who gets hold of the keys can read no older session.
///
/// Threads: any.
/// Source:  RFC 5077, section 5.5; RFC 8446, section 8.1.
class TicketKeys {
 public:
    explicit TicketKeys(std::int64_t now_ms);
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;
    ~TicketKeys();

    /// The key that makes a ticket now.
    [[nodiscard]] TicketKey current(std::int64_t now_ms);
    /// The key that made a ticket, by the name in it; empty when it is not known any more.
    [[nodiscard]] std::optional<TicketKey> find(const unsigned char* name, std::int64_t now_ms);

 private:
    void renew(std::int64_t now_ms);

    std::mutex mutex_;  // protects all below
    std::int64_t made_at_ms_;
    TicketKey current_;
    std::optional<TicketKey> before_;
};

/// Have tickets made and read with the keys, for as long as the context or a connection of it is.
void use_ticket_keys(ssl_ctx_st* context, std::shared_ptr<TicketKeys> keys);

/// The keys that use_ticket_keys() gave.
[[nodiscard]] std::shared_ptr<TicketKeys> ticket_keys_of(const ssl_ctx_st* context);

}  // namespace incm::net
