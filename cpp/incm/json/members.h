#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace incm::json {

/// Finds the duplicate keys of a JSON text while it is written, and removes them at the end.
///
/// Shape:   the caller reports where keys begin and end, in a text with the separators of canonical
///          text. apply() gives each key the place of its first and the value of its last
///          occurrence.
/// Units:   offsets into the written text, which must stay below 4 GiB.
/// Threads: like a value type. Time is n log n in the keys of one object, whatever the keys are;
///          nothing is moved before apply(), so nesting does not multiply the work.
/// Source:  docs/canonical-json.md, Objects.
class Members {
 public:
    /// Reserves room for the objects of a usual alert, so that only larger texts allocate again.
    Members() {
        objects_.reserve(8);
        members_.reserve(32);
    }

    /// `{` was written.
    void open() { objects_.push_back(members_.size()); }
    /// A key begins, or has just ended, at this offset of the text.
    void key_begins(std::size_t at) { members_.push_back({static_cast<std::uint32_t>(at), 0}); }
    void key_ends(std::size_t at) {
        members_.back().key_size = static_cast<std::uint32_t>(at) - members_.back().key;
    }
    /// `}` is about to be written at the end of this text.
    void close(const std::string& text);

    [[nodiscard]] bool has_duplicates() const { return !edits_.empty(); }
    /// Return the whole text without its duplicates.
    [[nodiscard]] std::string apply(const std::string& text);

 private:
    struct Member {
        std::uint32_t key;
        std::uint32_t key_size;
    };
    struct Span {
        std::uint32_t begin;
        std::uint32_t end;
    };
    struct Edit {
        Span old_text;
        Span new_text;  // elsewhere in the same text, with edits of its own
    };

    [[nodiscard]] std::string_view key_of(std::size_t member, std::string_view text) const;
    [[nodiscard]] bool few_and_different(std::size_t first, std::string_view text) const;
    void rank(std::size_t first, std::string_view text);
    [[nodiscard]] Span value_of(std::size_t member, std::size_t text_size) const;
    [[nodiscard]] std::vector<Edit>::const_iterator edit_from(
        std::vector<Edit>::const_iterator near, std::uint32_t at) const;
    void merge(std::size_t begin, std::size_t end, std::size_t text_size);

    std::vector<std::size_t> objects_;  // for each open object, its first member
    std::vector<Member> members_;       // of all open objects, the innermost last
    std::vector<std::uint64_t>
        ranked_;  // hash and member, of the object that closes; kept to reuse its memory
    std::vector<Edit> edits_;
};

}  // namespace incm::json
