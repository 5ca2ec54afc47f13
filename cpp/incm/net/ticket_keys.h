#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

struct ssl_ctx_st;

namespace incm::net {

/// How long one key makes session tickets, and how long each ticket may be used, in seconds.
inline constexpr std::int64_t kTicketSeconds = 2 * 60 * 60;

/// The key material that encrypts and authenticates session tickets.
struct TicketKey {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
};

/// The keys of session tickets: the current one, which makes tickets for kTicketSeconds, and the
/// previous one, which is deleted kTicketSeconds later. Somebody who steals the keys can therefore
/// read no older session.
///
/// Threads: any.
/// Source:  RFC 5077, section 5.5; RFC 8446, section 8.1.
class TicketKeys {
 public:
    explicit TicketKeys(std::int64_t now_ms);
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;
    ~TicketKeys();

    /// Return the key that makes tickets now.
    [[nodiscard]] TicketKey current(std::int64_t now_ms);
    /// Return the key that made a ticket, by the key name in the ticket; nothing when the key was
    /// deleted.
    [[nodiscard]] std::optional<TicketKey> find(const unsigned char* name, std::int64_t now_ms);

 private:
    void renew(std::int64_t now_ms);

    std::mutex mutex_;  // protects all members below
    std::int64_t made_at_ms_;
    TicketKey current_;
    std::optional<TicketKey> before_;
};

/// Make the context use these keys for its tickets. The context and its connections share the
/// ownership.
void use_ticket_keys(ssl_ctx_st* context, std::shared_ptr<TicketKeys> keys);

/// Return the keys that were set with use_ticket_keys().
[[nodiscard]] std::shared_ptr<TicketKeys> ticket_keys_of(const ssl_ctx_st* context);

}  // namespace incm::net
