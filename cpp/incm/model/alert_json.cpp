#include "incm/model/alert_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

#include <simdjson.h>

#include "incm/base/ascii.h"
#include "incm/base/bytes.h"
#include "incm/json/canonical.h"
#include "incm/model/alert.h"
#include "incm/model/alert_fields.h"
#include "incm/model/problems.h"
#include "incm/model/timestamp.h"

namespace incm::model {

namespace {

namespace dom = simdjson::dom;
using Number = std::optional<std::int64_t>;
using Moment = std::optional<Timestamp>;

/// A parser keeps buffers of about 20 times the largest text it has read; a thread must not keep
/// the buffers of a rare huge body.
constexpr std::size_t kKeptParserBytes = 64 * 1024;
/// The nesting that simdjson reads, and that Python's json module can still print.
constexpr std::size_t kMaxReadDepth = 900;

/// Visit the members of an object. The range of simdjson copies key and value in each step, writing
/// them in halves and reading them as a whole, which stalls the processor for longer than the visit
/// takes.
template <typename Visit>
void for_each_member(const dom::object& object, const Visit& visit) {
    const dom::object::iterator end = object.end();
    for (dom::object::iterator member = object.begin(); member != end; ++member) {
        visit(member.key(), member.value());
    }
}

std::string shown(dom::element value) {
    if (value.is_array()) return "an array";
    if (value.is_object()) return "an object";
    return base::printable(simdjson::minify(value), 80);
}

/// Reads the values of one object's members into fields.
class FieldReader {
 public:
    FieldReader(Arena& texts, Problems& problems, std::string_view parent)
        : texts_(texts), problems_(problems), parent_(parent) {}

    /// Makes a reader for the object that is the value of this key.
    [[nodiscard]] FieldReader inside(std::string_view key) const {
        return {texts_, problems_, key};
    }

    void read(const dom::element& value, std::string_view key, Text& field) {
        field.reset();
        if (std::string_view text; value.get(text) == simdjson::SUCCESS) {
            field = texts_.keep(text);
        } else if (value.is_number() || value.is_bool()) {
            field = texts_.keep(simdjson::minify(value));
            problems_.add(path(key) + ": expected a string, read " + std::string(*field) +
                          " as one");
        } else if (!value.is_null()) {
            refuse(value, key, "a string");
        }
    }

    void read(const dom::element& value, std::string_view key, std::optional<bool>& field) {
        field.reset();
        if (bool flag = false; value.get(flag) == simdjson::SUCCESS) {
            field = flag;
            return;
        }
        if (value.is_null()) return;
        std::string digits;
        const std::string_view text = scalar_text(value, digits);
        if (text == "true" || text == "True" || text == "TRUE" || text == "1") field = true;
        if (text == "false" || text == "False" || text == "FALSE" || text == "0") field = false;
        if (!field) return refuse(value, key, "true or false");
        problems_.add(path(key) + ": expected true or false, read " + shown(value) + " as one");
    }

    void read(const dom::element& value, std::string_view key, Number& field) {
        field.reset();
        if (std::int64_t number = 0; value.get(number) == simdjson::SUCCESS) {
            field = number;
            return;
        }
        if (value.is_null()) return;
        std::string digits;
        const std::string_view text = scalar_text(value, digits);
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size()) {
            field = number;
        } else if (const auto real = real_number(text);
                   real && std::trunc(*real) == *real && std::abs(*real) < 9.0e15) {
            field = static_cast<std::int64_t>(*real);
        } else {
            refuse(value, key, "a whole number");
        }
    }

    void read(const dom::element& value, std::string_view key, Moment& field) {
        field.reset();
        if (value.is_null()) return;
        std::string digits;
        const std::string_view text = scalar_text(value, digits);
        if (const auto read = read_iso_timestamp(text)) {
            field = read->value;
            if (!read->had_zone) problems_.add(path(key) + ": names no time zone, read as UTC");
        } else if (const auto number = real_number(text); number && read_unix_timestamp(*number)) {
            field = read_unix_timestamp(*number);
            problems_.add(path(key) + ": expected an ISO 8601 date, read " + shown(value) +
                          " as Unix time");
        } else {
            refuse(value, key, "a date such as 2025-01-06T10:01:38Z");
        }
    }

    void read(const dom::element& value, std::string_view key, std::optional<Party>& field) {
        field.reset();
        dom::object object;
        if (value.get(object) == simdjson::SUCCESS) {
            Party& party = field.emplace();
            FieldReader reader = inside(key);
            for_each_member(object, [&](std::string_view name, const dom::element& member) {
                if (name == "_id") reader.read(member, name, party.id);
                if (name == "name") reader.read(member, name, party.name);
            });
        } else if (!value.is_null()) {
            refuse(value, key, "an object");
        }
    }

    void refuse(const dom::element& value, std::string_view key, std::string_view wanted) {
        problems_.add(path(key) + ": expected " + std::string(wanted) + ", got " + shown(value));
    }

 private:
    [[nodiscard]] std::string path(std::string_view key) const {
        return parent_.empty() ? std::string(key) : std::string(parent_) + "." + std::string(key);
    }

    /// Return the characters of a string, or of a number (written to `digits`); empty for anything
    /// else.
    static std::string_view scalar_text(const dom::element& value, std::string& digits) {
        if (value.is_string()) return value.get_string().value_unsafe();
        if (value.is_number()) digits = simdjson::minify(value);
        return digits;
    }

    static std::optional<double> real_number(std::string_view text) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (text.empty() || error != std::errc() || end != text.data() + text.size())
            return std::nullopt;
        return number;
    }

    Arena& texts_;
    Problems& problems_;
    std::string_view parent_;  // "" at the top, else "data" and the like
};

/// A documented member: its JSON name, and the function that reads its value into the alert.
struct Field {
    std::string_view key;
    void (*read)(FieldReader&, const dom::element&, std::string_view, Alert&);
};

/// The documented members of one object, in a hash table built at compile time.
class FieldTable {
 public:
    constexpr void add(const Field& field) {
        std::size_t slot = first_slot(field.key);
        while (!slots_[slot].key.empty()) slot = (slot + 1) % kSlots;
        slots_[slot] = field;
    }

    [[nodiscard]] const Field* find(std::string_view key) const {
        if (key.empty()) return nullptr;
        for (std::size_t slot = first_slot(key); !slots_[slot].key.empty();
             slot = (slot + 1) % kSlots) {
            if (slots_[slot].key == key) return &slots_[slot];
        }
        return nullptr;
    }

 private:
    static constexpr std::size_t kSlots = 64;  // enough that most slots are empty

    static constexpr std::size_t first_slot(std::string_view key) {
        return (key.size() * 8 + static_cast<unsigned char>(key.front())) % kSlots;
    }

    std::array<Field, kSlots> slots_{};
};

void read_fields(const FieldTable& table, const dom::object& object, FieldReader& reader,
                 Alert& alert) {
    for_each_member(object, [&](std::string_view key, const dom::element& value) {
        if (const Field* field = table.find(key)) field->read(reader, value, key, alert);
    });
}

template <auto kMember>
void read_member(FieldReader& reader, const dom::element& value, std::string_view key,
                 Alert& alert) {
    reader.read(value, key, alert.*kMember);
}

void read_data(FieldReader& reader, const dom::element& value, std::string_view key, Alert& alert);

template <std::size_t kIndex, bool kInData>
constexpr void add_field(FieldTable& table) {
    constexpr auto kField = std::get<kIndex>(kAlertFields);
    if constexpr (kField.in_data == kInData) {
        if constexpr (std::is_same_v<decltype(kField.member), bool Alert::*>) {
            table.add({kField.key, read_data});
        } else {
            table.add({kField.key, read_member<kField.member>});
        }
    }
}

/// The fields of `data`, or those of the alert itself.
template <bool kInData>
consteval FieldTable table_of() {
    FieldTable table;
    [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
        (add_field<kIndex, kInData>(table), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(kAlertFields)>>());
    return table;
}

constexpr FieldTable kDataFields = table_of<true>();
constexpr FieldTable kTopFields = table_of<false>();

/// The last `data` counts, so the fields of an earlier one must be removed.
void read_data(FieldReader& reader, const dom::element& value, std::string_view key, Alert& alert) {
    alert.has_data = false;
    for_each_alert_field([&](const auto& field) {
        if (field.in_data) alert.*field.member = {};
    });
    dom::object object;
    if (value.get(object) == simdjson::SUCCESS) {
        alert.has_data = true;
        FieldReader inner = reader.inside(key);
        read_fields(kDataFields, object, inner, alert);
    } else if (!value.is_null()) {
        reader.refuse(value, key, "an object");
    }
}

void read_root(dom::element root, Alert& alert, Problems& problems) {
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) {
        problems.add("the body: expected an object, got " + shown(root));
        return;
    }
    Arena texts(alert.memory, alert.raw.size());
    FieldReader reader(texts, problems, "");
    read_fields(kTopFields, object, reader, alert);
    if (alert.status) alert.status = texts.keep(base::lower(*alert.status));
}

/// A text that the strict parser refuses is rewritten and read again; after that only the limits of
/// the parser can fail.
base::Status read_lenient(dom::parser& parser, Alert& alert, Problems& problems) {
    std::vector<std::string> changes;
    const base::Result<std::string> readable = json::readable_json(alert.raw, changes);
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

base::Status read_text(dom::parser& parser, Alert& alert) {
    Problems problems(alert.problems);
    dom::element root;
    if (parser.parse(alert.raw).get(root) == simdjson::SUCCESS) {
        read_root(root, alert, problems);
    } else if (base::Status read = read_lenient(parser, alert, problems); !read.ok()) {
        return read;
    }
    problems.finish();
    return base::success();
}

dom::parser make_parser() {
    dom::parser parser;
    if (parser.allocate(1024, kMaxReadDepth) != simdjson::SUCCESS) throw std::bad_alloc();
    return parser;
}

}  // namespace

base::Status read_alert(std::string text, Alert& alert) {
    alert.raw = std::move(text);
    if (alert.raw.size() > kKeptParserBytes) {
        dom::parser parser = make_parser();
        return read_text(parser, alert);
    }
    thread_local dom::parser parser = make_parser();
    return read_text(parser, alert);
}

base::Result<Alert> parse_alert(std::string text) {
    base::Result<Alert> result = Alert{};
    const base::Status read = read_alert(std::move(text), result.value());
    if (!read.ok()) result = read.error();
    return result;
}

}  // namespace incm::model
