// An alert is read out of every JSON text, and out of nothing else, with its raw text untouched;
// and what it has is found by its path.

#include <string>
#include <utility>
#include <vector>

#include "fuzz_support.h"

#include "incm/json/canonical.h"
#include "incm/model/alert.h"
#include "incm/model/where.h"

namespace {

using incm::fuzz::require;
using incm::model::Alert;
using incm::model::Text;

/// Touch every character, for the address sanitizer.
std::size_t sum_of(const Alert& alert) {
    std::size_t sum = 0;
    const auto add = [&sum](const Text& text) {
        if (!text) return;
        for (const char c : *text) sum += static_cast<unsigned char>(c);
    };
    for (const Text& text :
         {alert.id, alert.app, alert.content, alert.serial_number, alert.reason, alert.device_id,
          alert.entity_id, alert.entity_name, alert.entity_type, alert.org_id, alert.title,
          alert.type, alert.device_group_id, alert.status}) {
        add(text);
    }
    for (const auto* party : {&alert.org, &alert.device_group}) {
        if (!*party) continue;
        add((*party)->id);
        add((*party)->name);
    }
    return sum;
}

/// A filter that finds each text, number and boolean at this path.
incm::model::Where anything_at(const char* path) {
    incm::model::Where where;
    require(where.add(path, {incm::model::ValuePattern::parse("*").value()}).ok(), "a path");
    return where;
}

void check_paths(const Alert& alert) {
    static const incm::model::Where kType = anything_at("type");
    static const incm::model::Where kReason = anything_at("data.reason");
    static const incm::model::Where kOrg = anything_at("org.name");
    require(!alert.type || kType.all_hold(alert.raw), "the type is found by its path");
    require(!alert.reason || kReason.all_hold(alert.raw), "the reason is found by its path");
    require(!alert.org || !alert.org->name || kOrg.all_hold(alert.raw),
            "the organisation is found by its path");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(incm::fuzz::text_of(bytes, size));
    std::vector<std::string> problems;
    const bool is_json = incm::json::readable_json(text, problems).ok();
    auto read = incm::model::parse_alert(text);
    require(read.ok() == is_json, "every JSON text is an alert, and nothing else is");
    if (!read.ok()) return 0;
    require(read.value().raw == text, "the raw text is untouched");
    require(read.value().problems.size() <= incm::model::kMaxProblems + 1,
            "the problems are bounded");
    check_paths(read.value());
    const std::size_t before = sum_of(read.value());
    Alert moved = std::move(read).value();
    moved.raw = {};
    require(sum_of(moved) == before, "the texts live as long as the alert");
    return 0;
}
