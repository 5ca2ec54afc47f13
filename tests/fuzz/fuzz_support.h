#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace incm::fuzz {

/// End the run, so that libFuzzer keeps the input, unless a promise holds.
inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

/// An input whose first byte says into what pieces the rest is cut: the same bytes, as a network
/// would deliver them.
class Pieces {
 public:
    explicit Pieces(std::string_view input) {
        if (input.empty()) return;
        state_ = static_cast<std::uint8_t>(input.front());
        all_ = input.substr(1);
        rest_ = all_;
    }

    /// All bytes together.
    [[nodiscard]] std::string_view all() const { return all_; }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

    /// The next piece, of at least one byte: of one alone when the first byte is 0, else of lengths
    /// that depend on it.
    [[nodiscard]] std::string_view next() {
        const std::size_t size = state_ == 0 ? 1 : 1 + (state_ = state_ * 37 % 257) % 64;
        const std::string_view piece = rest_.substr(0, size);
        rest_.remove_prefix(piece.size());
        return piece;
    }

 private:
    std::uint32_t state_ = 0;
    std::string_view all_;
    std::string_view rest_;
};

}  // namespace incm::fuzz
