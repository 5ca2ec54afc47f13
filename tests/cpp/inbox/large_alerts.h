#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inbox_fixture.h"

#include "incm/inbox/fetched_bytes.h"

namespace incm::inbox::test {

constexpr std::int64_t kMiB = 1 << 20;
/// How many alerts of a MiB one plugin, and all plugins together, may have fetched.
constexpr std::size_t kOfOne = FetchedBytes::kMaxOfOne / kMiB;
constexpr std::size_t kOfAll = FetchedBytes::kMaxOfAll / kMiB;

/// Appends alerts with much text, over any fixture of an inbox.
template <typename Base>
class LargeAlerts : public Base {
 protected:
    void append_large(std::uint64_t number, std::int64_t bytes,
                      std::vector<std::string> plugins = {"a"}) {
        NewAlert made = alert(number, std::move(plugins));
        made.text.resize(static_cast<std::size_t>(bytes), ' ');
        made.device = "device-" + std::to_string(number);
        EXPECT_FALSE(this->append(std::move(made)).duplicate);
    }
    void append_large_ones(std::uint64_t count, const std::vector<std::string>& plugins = {"a"}) {
        for (std::uint64_t number = 1; number <= count; ++number) {
            append_large(number, kMiB, plugins);
        }
    }
};

}  // namespace incm::inbox::test
