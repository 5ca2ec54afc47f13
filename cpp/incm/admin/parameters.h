#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/result.h"

namespace incm::admin {

/// The parameters of a call of the admin API, by name: from a query string or from a JSON object.
///
/// Read the parameters, then call finish(). A value that cannot be read counts as absent until
/// then.
/// Threads: one.
class Parameters {
 public:
    /// Read the query of a target such as `/path?name=value&name=value`.
    /// Errors:  kMalformedRequest.
    [[nodiscard]] static base::Result<Parameters> of_target(const std::string& target);
    /// Read a JSON object with texts, whole numbers, booleans and lists of them; null means absent.
    /// Errors:  kNotJson, kMalformedRequest.
    [[nodiscard]] static base::Result<Parameters> of_json(const std::string& body);

    /// Add a value that came neither in the query nor in the body.
    void add(const std::string& name, std::string value) {
        values_[name].push_back(std::move(value));
    }

    /// Return all values of a name; may be empty.
    [[nodiscard]] std::vector<std::string> texts(const std::string& name);
    [[nodiscard]] std::optional<std::string> text(const std::string& name);
    /// "1" or "true", "0" or "false"; absent is false.
    [[nodiscard]] bool flag(const std::string& name);
    [[nodiscard]] std::optional<std::int64_t> integer(const std::string& name, std::int64_t low,
                                                      std::int64_t high);
    [[nodiscard]] std::vector<std::int64_t> integers(const std::string& name, std::int64_t low,
                                                     std::int64_t high);
    /// Read a time in ISO 8601, UTC when it has no zone, and return it in Unix milliseconds.
    [[nodiscard]] std::optional<std::int64_t> time_ms(const std::string& name);

    /// Return the first mistake of the caller: a value that cannot be read, or an unknown name.
    /// Empty when there is none.
    [[nodiscard]] std::optional<base::Error> finish();

 private:
    void complain(const std::string& text);

    std::map<std::string, std::vector<std::string>> values_;
    std::set<std::string> known_;
    std::optional<base::Error> error_;
};

}  // namespace incm::admin
