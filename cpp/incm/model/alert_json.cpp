#include <charconv>
#include <cmath>
#include <variant>

#include <simdjson.h>

#include "incm/base/bytes.h"
#include "incm/base/canonical_json.h"
#include "incm/model/alert.h"
#include "incm/model/timestamp.h"

namespace incm::model {

namespace {

namespace dom = simdjson::dom;
using Text = std::optional<std::string>;
using Number = std::optional<std::int64_t>;
using Moment = std::optional<Timestamp>;

/// A parser keeps buffers of about 20 times the largest text it read; a thread must not keep those
/// of a rare huge body.
constexpr std::size_t kKeptParserBytes = 64 * 1024;
/// Nesting that simdjson reads, and that Python's json module can still print.
constexpr std::size_t kMaxReadDepth = 900;

/// Collects what was odd, naming each field by its path.
class Problems {
 public:
    explicit Problems(std::vector<std::string>& list) : list_(list) {}

    void add(std::string sentence) {
        if (list_.size() < kMaxProblems) {
            list_.push_back(std::move(sentence));
        } else {
            ++more_;
        }
    }
    void finish() {
        if (more_ > 0) list_.push_back("and " + std::to_string(more_) + " more");
    }

 private:
    std::vector<std::string>& list_;
    std::size_t more_ = 0;
};

/// Where a value stands, for a problem's sentence.
struct Place {
    std::string_view parent;  ///< "" at the top, else "data" and the like
    std::string_view key;

    [[nodiscard]] std::string path() const {
        return parent.empty() ? std::string(key) : std::string(parent) + "." + std::string(key);
    }
};

std::string shown(dom::element value) {
    if (value.is_array()) return "an array";
    if (value.is_object()) return "an object";
    return base::printable(simdjson::minify(value), 80);
}

class FieldReader {
 public:
    explicit FieldReader(Problems& problems) : problems_(problems) {}

    void read(dom::element value, Place place, Text& field) {
        field.reset();
        if (std::string_view text; value.get(text) == simdjson::SUCCESS) {
            field.emplace(text);
        } else if (value.is_number() || value.is_bool()) {
            field = simdjson::minify(value);
            problems_.add(place.path() + ": expected a string, read " + *field + " as one");
        } else if (!value.is_null()) {
            refuse(value, place, "a string");
        }
    }

    void read(dom::element value, Place place, std::optional<bool>& field) {
        field.reset();
        if (bool flag = false; value.get(flag) == simdjson::SUCCESS) {
            field = flag;
            return;
        }
        if (value.is_null()) return;
        const std::string text = scalar_text(value);
        if (text == "true" || text == "True" || text == "TRUE" || text == "1") field = true;
        if (text == "false" || text == "False" || text == "FALSE" || text == "0") field = false;
        if (!field) return refuse(value, place, "true or false");
        problems_.add(place.path() + ": expected true or false, read " + shown(value) + " as one");
    }

    void read(dom::element value, Place place, Number& field) {
        field.reset();
        if (std::int64_t number = 0; value.get(number) == simdjson::SUCCESS) {
            field = number;
            return;
        }
        if (value.is_null()) return;
        const std::string text = scalar_text(value);
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size()) {
            field = number;
        } else if (const auto real = real_number(text);
                   real && std::trunc(*real) == *real && std::abs(*real) < 9.0e15) {
            field = static_cast<std::int64_t>(*real);
        } else {
            refuse(value, place, "a whole number");
        }
    }

    void read(dom::element value, Place place, Moment& field) {
        field.reset();
        if (value.is_null()) return;
        const std::string text = scalar_text(value);
        if (const auto read = read_iso_timestamp(text)) {
            field = read->value;
            if (!read->had_zone) problems_.add(place.path() + ": names no time zone, read as UTC");
        } else if (const auto number = real_number(text); number && read_unix_timestamp(*number)) {
            field = read_unix_timestamp(*number);
            problems_.add(place.path() + ": expected an ISO 8601 date, read " + shown(value) +
                          " as Unix time");
        } else {
            refuse(value, place, "a date such as 2025-01-06T10:01:38Z");
        }
    }

    void read(dom::element value, Place place, std::optional<Party>& field) {
        field.reset();
        dom::object object;
        if (value.get(object) == simdjson::SUCCESS) {
            Party& party = field.emplace();
            for (const auto [key, member] : object) {
                if (key == "_id") read(member, Place{place.key, key}, party.id);
                if (key == "name") read(member, Place{place.key, key}, party.name);
            }
        } else if (!value.is_null()) {
            refuse(value, place, "an object");
        }
    }

    void refuse(dom::element value, Place place, std::string_view wanted) {
        problems_.add(place.path() + ": expected " + std::string(wanted) + ", got " + shown(value));
    }

 private:
    /// The characters of a string or number; empty for anything else.
    static std::string scalar_text(dom::element value) {
        if (std::string_view text; value.get(text) == simdjson::SUCCESS) return std::string(text);
        return value.is_number() ? simdjson::minify(value) : std::string();
    }

    static std::optional<double> real_number(const std::string& text) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (text.empty() || error != std::errc() || end != text.data() + text.size())
            return std::nullopt;
        return number;
    }

    Problems& problems_;
};

template <typename Field>
struct Binding {
    std::string_view key;
    Field Alert::*field;
};
using AnyBinding = std::variant<Binding<Text>, Binding<std::optional<bool>>, Binding<Number>,
                                Binding<Moment>, Binding<std::optional<Party>>>;

const std::array<AnyBinding, 19> kTopFields = {
    Binding<Text>{"_id", &Alert::id},
    Binding<std::optional<bool>>{"ack", &Alert::ack},
    Binding<Text>{"app", &Alert::app},
    Binding<Text>{"content", &Alert::content},
    Binding<Text>{"deviceId", &Alert::device_id},
    Binding<Text>{"entityId", &Alert::entity_id},
    Binding<Text>{"entityName", &Alert::entity_name},
    Binding<Text>{"entityType", &Alert::entity_type},
    Binding<Text>{"oid", &Alert::org_id},
    Binding<std::optional<Party>>{"org", &Alert::org},
    Binding<Text>{"title", &Alert::title},
    Binding<Text>{"type", &Alert::type},
    Binding<Moment>{"updatedAt", &Alert::updated_at},
    Binding<Moment>{"createdAt", &Alert::created_at},
    Binding<Text>{"deviceGroupId", &Alert::device_group_id},
    Binding<std::optional<Party>>{"deviceGroup", &Alert::device_group},
    Binding<Moment>{"closedAt", &Alert::closed_at},
    Binding<Text>{"status", &Alert::status},
    Binding<Number>{"priority", &Alert::priority},
};

const std::array<AnyBinding, 4> kDataFields = {
    Binding<Text>{"serialNumber", &Alert::serial_number},
    Binding<Text>{"reason", &Alert::reason},
    Binding<Number>{"retention", &Alert::retention_s},
    Binding<Moment>{"timestamp", &Alert::timestamp},
};

template <std::size_t N>
void read_fields(const std::array<AnyBinding, N>& fields, dom::object object,
                 std::string_view parent, Alert& alert, FieldReader& reader) {
    for (const auto [key, value] : object) {
        for (const AnyBinding& any : fields) {
            const bool found = std::visit(
                [&, key = key, value = value](const auto& binding) {
                    if (binding.key != key) return false;
                    reader.read(value, Place{parent, key}, alert.*binding.field);
                    return true;
                },
                any);
            if (found) break;
        }
    }
}

/// The last `data` counts, so the fields of an earlier one must not shine through.
void read_data(dom::element value, Alert& alert, FieldReader& reader) {
    alert.has_data = false;
    alert.serial_number.reset();
    alert.reason.reset();
    alert.retention_s.reset();
    alert.timestamp.reset();
    dom::object object;
    if (value.get(object) == simdjson::SUCCESS) {
        alert.has_data = true;
        read_fields(kDataFields, object, "data", alert, reader);
    } else if (!value.is_null()) {
        reader.refuse(value, Place{"", "data"}, "an object");
    }
}

void read_root(dom::element root, Alert& alert, Problems& problems) {
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) {
        problems.add("the body: expected an object, got " + shown(root));
        return;
    }
    FieldReader reader(problems);
    read_fields(kTopFields, object, "", alert, reader);
    for (const auto [key, value] : object) {
        if (key == "data") read_data(value, alert, reader);
    }
    if (alert.status) {
        for (char& c : *alert.status) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
    }
}

/// What a strict parser refuses is rewritten and read again; only its own limits are left then.
base::Status read_lenient(dom::parser& parser, Alert& alert, Problems& problems) {
    std::vector<std::string> changes;
    const base::Result<std::string> readable = base::readable_json(alert.raw, changes);
    if (!readable.ok()) return readable.error();
    for (std::string& change : changes) problems.add(std::move(change));
    dom::element root;
    if (parser.parse(readable.value()).get(root) == simdjson::SUCCESS) {
        read_root(root, alert, problems);
    } else {
        problems.add("the body is nested too deep to be read");
    }
    return base::success();
}

base::Result<Alert> parse_with(dom::parser& parser, std::string text) {
    Alert alert;
    alert.raw = std::move(text);
    Problems problems(alert.problems);
    dom::element root;
    if (parser.parse(alert.raw).get(root) == simdjson::SUCCESS) {
        read_root(root, alert, problems);
    } else if (base::Status read = read_lenient(parser, alert, problems); !read.ok()) {
        return read.error();
    }
    problems.finish();
    return alert;
}

dom::parser make_parser() {
    dom::parser parser;
    if (parser.allocate(1024, kMaxReadDepth) != simdjson::SUCCESS) throw std::bad_alloc();
    return parser;
}

}  // namespace

base::Result<Alert> parse_alert(std::string text) {
    if (text.size() > kKeptParserBytes) {
        dom::parser parser = make_parser();
        return parse_with(parser, std::move(text));
    }
    thread_local dom::parser parser = make_parser();
    return parse_with(parser, std::move(text));
}

}  // namespace incm::model
