#include "incm/admin/state_api.h"

#include <cstdint>
#include <sstream>
#include <utility>
#include <vector>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include "incm/admin/bulk_changes.h"
#include "incm/admin/known_plugins.h"
#include "incm/base/bytes.h"
#include "incm/inbox/kept_state.h"
#include "incm/model/utf8.h"

namespace incm::admin {

namespace {

using base::Error;
using base::ErrorCode;
using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr std::int64_t kMaxListed = 1000;

Error bad(const std::string& text) {
    return {ErrorCode::kMalformedRequest, text};
}

Object ordered() {
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

std::string text_of(const Object& document) {
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

Var nullable(const std::optional<std::string>& text) {
    return text ? Var(*text) : Var();
}

/// A text of the store as JSON can hold it.
std::string readable(const std::string& text) {
    return model::is_utf8(text) ? text : base::printable(text, text.size());
}

std::string dropped_json(const std::string& plugin, std::int64_t dropped,
                         const std::optional<std::string>& next) {
    Object document = ordered();
    document.set("plugin", plugin);
    document.set("dropped", dropped);
    document.set("next", nullable(next));
    return text_of(document);
}

std::vector<inbox::StateChange> deletions(std::vector<std::string> keys) {
    std::vector<inbox::StateChange> changes;
    changes.reserve(keys.size());
    for (std::string& key : keys) changes.push_back({std::move(key), std::nullopt});
    return changes;
}

}  // namespace

StateApi::Text StateApi::list(Parameters& given, const Configured& configured) const {
    if (const auto error = given.finish()) return *error;
    const auto states = catalog_.states();
    if (!states.ok()) return states.error();
    Array all;
    for (const inbox::StateTotals& one : states.value()) {
        Object object = ordered();
        object.set("plugin", one.plugin);
        const std::optional<bool> known = configured(one.plugin);
        object.set("configured", known ? Var(*known) : Var());
        object.set("keys", one.keys);
        object.set("bytes", one.bytes);
        all.add(object);
    }
    Object document = ordered();
    document.set("state", all);
    return text_of(document);
}

StateApi::Text StateApi::keys(Parameters& given) const {
    const auto plugin = given.text("plugin");
    inbox::StateQuery query;
    query.prefix = given.text("prefix").value_or("");
    query.after = given.text("after").value_or("");
    const auto limit =
        static_cast<std::size_t>(given.integer("limit", 1, kMaxListed).value_or(100));
    if (const auto error = given.finish()) return *error;
    if (!plugin) return bad("say whose: plugin");
    if (const auto error = unknown_plugin(catalog_, plugin)) return *error;
    query.plugin = *plugin;
    auto page = catalog_.state(query);
    if (!page.ok()) return page.error();
    std::vector<inbox::StateEntry>& entries = page.value().entries;
    if (entries.size() > limit) {
        entries.resize(limit);
        page.value().next = entries.back().key;
    }
    Array all;
    for (const inbox::StateEntry& entry : entries) {
        Object object = ordered();
        object.set("key", readable(entry.key));
        object.set("bytes", static_cast<std::int64_t>(entry.key.size() + entry.value.size()));
        object.set("value", readable(entry.value));
        all.add(object);
    }
    Object document = ordered();
    document.set("keys", all);
    document.set("next", nullable(page.value().next));
    return text_of(document);
}

StateApi::Text StateApi::drop(Parameters& given) const {
    const auto plugin = given.text("plugin");
    std::vector<std::string> keys = given.texts("keys");
    const bool all = given.flag("all");
    const auto prefix = given.text("prefix");
    const auto after = given.text("after");
    if (const auto error = given.finish()) return *error;
    if (!plugin) return bad("say whose: plugin");
    if (const auto error = unknown_plugin(catalog_, plugin)) return *error;
    if (int{!keys.empty()} + int{all} + int{prefix.has_value()} != 1) {
        return bad("say which: keys, prefix, or \"all\": true");
    }
    if (keys.empty()) {
        return drop_pages(
            {.plugin = *plugin, .prefix = prefix.value_or(""), .after = after.value_or("")});
    }
    if (keys.size() > kDroppedACall) {
        return bad("at most " + std::to_string(kDroppedACall) + " keys at once");
    }
    const auto dropped = inbox_->kept_state().write(*plugin, deletions(std::move(keys)));
    if (!dropped.ok()) return dropped.error();
    return dropped_json(*plugin, dropped.value(), std::nullopt);
}

StateApi::Text StateApi::drop_pages(inbox::StateQuery query) const {
    std::int64_t count = 0;
    std::optional<std::string> next;
    for (int step = 0; step < kStepsACall; ++step) {
        auto page = inbox_->kept_state().page(query);
        if (!page.ok()) return page.error();
        std::vector<std::string> keys;
        for (inbox::StateEntry& entry : page.value().entries) keys.push_back(std::move(entry.key));
        if (!keys.empty()) {
            const auto dropped =
                inbox_->kept_state().write(query.plugin, deletions(std::move(keys)));
            if (!dropped.ok()) return dropped.error();
            count += dropped.value();
        }
        next = std::move(page.value().next);
        if (!next) break;
        query.after = *next;
    }
    return dropped_json(query.plugin, count, next);
}

}  // namespace incm::admin
