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

/// What a caller of the admin API says: of a query string or a JSON object, by name.
///
/// Read what is wanted, then ask finish(): a value that cannot be read counts as absent until then.
/// Threads: one.
class Parameters {
 public:
    /// Of a target such as `/path?name=value&name=value`. Errors: kMalformedRequest.
    [[nodiscard]] static base::Result<Parameters> of_target(const std::string& target);
    /// Of an object with texts, whole numbers, booleans and lists of them; null means absent.
    /// Errors:  kNotJson, kMalformedRequest.
    [[nodiscard]] static base::Result<Parameters> of_json(const std::string& body);

    /// Add a value that came another way.
    void add(const std::string& name, std::string value) {
        values_[name].push_back(std::move(value));
    }

    /// All values of a name; may be empty.
    [[nodiscard]] std::vector<std::string> texts(const std::string& name);
    [[nodiscard]] std::optional<std::string> text(const std::string& name);
    /// "1" or "true", "0" or "false"; absent is false.
    [[nodiscard]] bool flag(const std::string& name);
    [[nodiscard]] std::optional<std::int64_t> integer(const std::string& name, std::int64_t low,
                                                      std::int64_t high);
    [[nodiscard]] std::vector<std::int64_t> integers(const std::string& name, std::int64_t low,
                                                     std::int64_t high);
    /// ISO 8601, UTC when it names no zone -> Unix milliseconds.
    [[nodiscard]] std::optional<std::int64_t> time_ms(const std::string& name);

    /// What the caller should change: a value that could not be read, or a name that nobody asked
    /// for. Empty when all is well.
    [[nodiscard]] std::optional<base::Error> finish();

 private:
    void complain(const std::string& text);

    std::map<std::string, std::vector<std::string>> values_;
    std::set<std::string> known_;
    std::optional<base::Error> error_;
};

}  // namespace incm::admin
