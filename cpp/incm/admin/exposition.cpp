#include "incm/admin/exposition.h"

#include <array>
#include <charconv>

namespace incm::admin {

namespace {

std::string number(double value) {
    std::array<char, 40> text;  // without the process's locale, which a plugin may set
    const auto [end, _] = std::to_chars(text.data(), text.data() + text.size(), value,
                                        std::chars_format::general, 15);
    return {text.data(), end};
}

void append_escaped(std::string& page, std::string_view value) {
    for (const char c : value) {
        if (c == '\n') {
            page += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') page += '\\';
        page += c;
    }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name.starts_with("process_") ? "" : "incm_webhook_";
    name_ += name;
    page_.append("# HELP ").append(name_).append(" ").append(help);
    page_.append("\n# TYPE ").append(name_).append(" ").append(type).append("\n");
}

/// Write the name and the labels of a sample, up to the blank before its value.
void Exposition::begin(std::string_view suffix, Labels labels, const Label* more) {
    page_.append(name_).append(suffix);
    char before = '{';
    const auto write = [&](const Label& label) {
        page_ += before;
        page_.append(label.first).append("=\"");
        append_escaped(page_, label.second);
        page_ += '"';
        before = ',';
    };
    for (const Label& label : labels) write(label);
    if (more) write(*more);
    page_ += before == ',' ? "} " : " ";
}

void Exposition::sample(Labels labels, std::int64_t value) {
    begin("", labels, nullptr);
    page_.append(std::to_string(value)).append("\n");
}

void Exposition::sample(Labels labels, std::uint64_t value) {
    begin("", labels, nullptr);
    page_.append(std::to_string(value)).append("\n");
}

void Exposition::seconds(Labels labels, std::int64_t milliseconds) {
    begin("", labels, nullptr);
    page_.append(number(static_cast<double>(milliseconds) / 1e3)).append("\n");
}

void Exposition::histogram(Labels labels, const base::HistogramCounts& counts, double per_unit) {
    std::uint64_t up_to_here = 0;
    for (std::size_t i = 0; i < counts.buckets.size(); ++i) {
        up_to_here += counts.buckets[i];
        const std::string bound = i < counts.bounds.size()
                                      ? number(static_cast<double>(counts.bounds[i]) / per_unit)
                                      : "+Inf";
        const Label le{"le", bound};
        begin("_bucket", labels, &le);
        page_.append(std::to_string(up_to_here)).append("\n");
    }
    begin("_sum", labels, nullptr);
    page_.append(number(static_cast<double>(counts.sum) / per_unit)).append("\n");
    begin("_count", labels, nullptr);
    page_.append(std::to_string(up_to_here)).append("\n");
}

void Exposition::one(std::string_view name, std::string_view type, std::string_view help,
                     std::int64_t value) {
    family(name, type, help);
    sample({}, value);
}

}  // namespace incm::admin
