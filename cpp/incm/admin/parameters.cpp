#include "incm/admin/parameters.h"

#include <charconv>

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/URI.h>

#include "incm/base/bytes.h"
#include "incm/model/timestamp.h"

namespace incm::admin {

namespace {

using base::Error;
using base::ErrorCode;
using Poco::Dynamic::Var;

// Deep enough for an object with lists, and for reporting a mistake instead of the parser's limit.
constexpr std::size_t kDeepest = 8;

std::string quoted(const std::string& text) {
    return std::string("\"").append(base::printable(text, 80)).append("\"");
}

/// Convert a plain value to text; empty when it is not a plain value.
std::optional<std::string> plain(const Var& value) {
    if (value.isBoolean()) return value.extract<bool>() ? "1" : "0";
    if (value.isString() || value.isInteger()) return value.convert<std::string>();
    return std::nullopt;
}

}  // namespace

base::Result<Parameters> Parameters::of_target(const std::string& target) {
    Parameters parameters;
    try {
        for (const auto& [name, value] : Poco::URI(target).getQueryParameters()) {
            parameters.values_[name].push_back(value);
        }
    } catch (const Poco::Exception&) {
        return Error{ErrorCode::kMalformedRequest, "the query cannot be read"};
    }
    return parameters;
}

base::Result<Parameters> Parameters::of_json(const std::string& body) {
    Parameters parameters;
    Var document;
    try {
        Poco::JSON::Parser parser;
        parser.setDepth(kDeepest);
        document = parser.parse(body);
    } catch (const Poco::Exception&) {
        return Error{ErrorCode::kNotJson, "the body is not JSON"};
    }
    if (document.type() != typeid(Poco::JSON::Object::Ptr)) {
        return Error{ErrorCode::kMalformedRequest, "the body must be a JSON object"};
    }
    const auto object = document.extract<Poco::JSON::Object::Ptr>();
    for (const auto& [name, value] : *object) {
        std::vector<std::string>& texts = parameters.values_[name];
        if (value.isEmpty()) continue;
        Poco::JSON::Array::Ptr list = new Poco::JSON::Array;
        if (value.type() == typeid(Poco::JSON::Array::Ptr)) {
            list = value.extract<Poco::JSON::Array::Ptr>();
        } else {
            list->add(value);
        }
        for (std::size_t i = 0; i < list->size(); ++i) {
            const std::optional<std::string> text = plain(list->get(static_cast<unsigned int>(i)));
            if (!text) parameters.complain(quoted(name) + " has a value of the wrong type");
            texts.push_back(text.value_or(""));
        }
    }
    return parameters;
}

std::vector<std::string> Parameters::texts(const std::string& name) {
    known_.insert(name);
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::optional<std::string> Parameters::text(const std::string& name) {
    std::vector<std::string> all = texts(name);
    if (all.empty()) return std::nullopt;
    if (all.size() > 1) complain(quoted(name) + " is given more than once");
    return std::move(all.front());
}

bool Parameters::flag(const std::string& name) {
    const std::optional<std::string> value = text(name);
    if (!value || *value == "0" || *value == "false") return false;
    if (*value != "1" && *value != "true") {
        complain(quoted(name) + " wants 1 or 0, not " + quoted(*value));
    }
    return true;
}

std::optional<std::int64_t> Parameters::integer(const std::string& name, std::int64_t low,
                                                std::int64_t high) {
    if (!text(name)) return std::nullopt;
    const std::vector<std::int64_t> all = integers(name, low, high);
    return all.empty() ? std::nullopt : std::optional(all.front());
}

std::vector<std::int64_t> Parameters::integers(const std::string& name, std::int64_t low,
                                               std::int64_t high) {
    std::vector<std::int64_t> numbers;
    for (const std::string& value : texts(name)) {
        std::int64_t number = 0;
        const char* const end = value.data() + value.size();
        const auto [rest, failed] = std::from_chars(value.data(), end, number);
        if (failed != std::errc() || rest != end || number < low || number > high) {
            complain(quoted(name) + " wants a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high) + ", not " + quoted(value));
            continue;
        }
        numbers.push_back(number);
    }
    return numbers;
}

std::optional<std::int64_t> Parameters::time_ms(const std::string& name) {
    const std::optional<std::string> value = text(name);
    if (!value) return std::nullopt;
    const auto read = model::read_iso_timestamp(*value);
    if (!read) {
        complain(quoted(name) + " wants a time such as 2026-11-24T10:00:00Z, not " +
                 quoted(*value));
        return std::nullopt;
    }
    return read->value.us / 1000;
}

std::optional<Error> Parameters::finish() {
    for (const auto& [name, values] : values_) {
        if (known_.contains(name)) continue;
        std::string text = "there is no parameter " + quoted(name) + " here";
        const char* separator = "; known are ";
        for (const std::string& one : known_) {
            text.append(separator).append(one);
            separator = ", ";
        }
        complain(text);
    }
    return error_;
}

void Parameters::complain(const std::string& text) {
    if (!error_) error_ = Error{ErrorCode::kMalformedRequest, text};
}

}  // namespace incm::admin
