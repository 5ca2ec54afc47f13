#pragma once

#include <string>
#include <utility>

namespace incm::base {

/// A shared secret: bytes that are wiped on destruction and never printed.
///
/// Shape:   any bytes, at least one (checked where secrets are read, not here).
/// Threads: like a value type.
class Secret {
 public:
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = default;
    Secret(Secret&&) = default;
    /// Takes its argument by value, so that the old bytes are wiped with it.
    Secret& operator=(Secret other) noexcept {
        bytes_.swap(other.bytes_);
        return *this;
    }
    ~Secret();

    /// Return the bytes. Never write them to a log, an error text or an answer.
    [[nodiscard]] const std::string& reveal() const noexcept { return bytes_; }

 private:
    std::string bytes_;
};

}  // namespace incm::base
