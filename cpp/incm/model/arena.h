#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace incm::model {

/// Blocks of characters that keep their addresses when the list is moved. It cannot be copied, and
/// neither can an object that contains it.
struct TextBlocks {
    TextBlocks() = default;
    TextBlocks(TextBlocks&&) = default;
    TextBlocks& operator=(TextBlocks&&) = default;

    std::vector<std::unique_ptr<char[]>> list;
};

/// Copies texts into memory blocks that another object owns.
///
/// Shape:   the first block has room for `expected` bytes; texts that do not fit go to further
///          blocks. A kept text lives as long as the blocks.
/// Units:   bytes.
/// Threads: like a value type; the blocks must outlive it.
/// Source:  own choice; std::pmr::monotonic_buffer_resource does the same with calls that took a
///          tenth of the time to parse an alert.
class Arena {
 public:
    Arena(TextBlocks& blocks, std::size_t expected) : blocks_(blocks) { grow(expected); }

    [[nodiscard]] std::string_view keep(std::string_view text) {
        if (text.size() > room_) grow(text.size());
        const std::string_view kept(free_, text.copy(free_, text.size()));
        free_ += kept.size();
        room_ -= kept.size();
        return kept;
    }

 private:
    void grow(std::size_t size) {
        blocks_.list.push_back(std::make_unique_for_overwrite<char[]>(size));
        free_ = blocks_.list.back().get();
        room_ = size;
    }

    TextBlocks& blocks_;
    char* free_ = nullptr;
    std::size_t room_ = 0;
};

}  // namespace incm::model
