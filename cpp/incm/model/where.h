#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"
#include "incm/model/value_pattern.h"

namespace incm::model {

/// Conditions on fields of an alert that are named by their path in the JSON text.
///
/// Shape:   a path is keys with dots between them, from the top of the alert; a key with a dot, a
///          quote or nothing in it stands in double quotes, with `\"` and `\\`. It names the value
///          of these keys. For an array on the way, or at the end, it names each of the elements,
///          also those of arrays in it. A condition holds when any of the named values matches any
///          of its patterns. null, objects, NaN and infinities match nothing. The last value of a
///          repeated key counts, as in CPython.
/// Units:   at most kMaxPaths conditions.
/// Threads: immutable once it is built.
/// Source:  docs/configuration.md, Filters by any field.
class Where {
 public:
    static constexpr std::size_t kMaxPaths = 64;

    /// Add a condition.
    /// Errors:  kBadConfig for a path that has an empty key or an open quote, for no patterns, and
    ///          beyond kMaxPaths; the text says what was expected. Nothing is added then.
    [[nodiscard]] base::Status add(std::string_view path, std::vector<ValuePattern> patterns);

    [[nodiscard]] bool empty() const { return conditions_.empty(); }

    /// Read a text once, and return which conditions hold: bit i for the one that was added as
    /// number i.
    ///
    /// Shape:   text: what parse_alert() accepts; of another text nothing holds. Takes linear time
    ///          in the text, at any depth, for each star in a pattern; memory at most text.size().
    /// Threads: any.
    [[nodiscard]] std::uint64_t holding(std::string_view text) const;
    [[nodiscard]] bool all_hold(std::string_view text) const;
    [[nodiscard]] bool any_holds(std::string_view text) const;

    /// Return the path of the first condition that does not hold, or that does; "" when there is
    /// none.
    [[nodiscard]] std::string first_that_fails(std::string_view text) const;
    [[nodiscard]] std::string first_that_holds(std::string_view text) const;

 private:
    struct Condition {
        std::string path;
        std::vector<ValuePattern> patterns;
    };
    /// A key of the paths, with the keys that may follow it. Node 0 stands for the alert itself.
    struct Node {
        std::string key;
        std::vector<std::size_t> children = {};
        std::vector<std::size_t> conditions = {};  // those whose path ends here
        std::uint64_t below = 0;                   // those whose path ends here or further down
    };
    class Walk;

    [[nodiscard]] std::uint64_t all() const;
    [[nodiscard]] std::size_t child(std::size_t node, const std::string& key);
    [[nodiscard]] std::string path_of(std::uint64_t conditions) const;

    std::vector<Condition> conditions_;
    std::vector<Node> nodes_;
};

}  // namespace incm::model
