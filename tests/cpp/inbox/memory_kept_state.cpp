#include <utility>

#include "memory_parts.h"

#include "incm/inbox/errors.h"

namespace incm::inbox::test {

namespace {

using Lock = std::unique_lock<std::mutex>;

StatePage page_of(MemoryStore& store, const StateQuery& query) {
    StatePage page;
    const MemoryStore::Plugin* const plugin = store.plugin(query.plugin);
    if (!plugin) {
        return page;
    }
    std::size_t bytes = 0;
    for (auto one = plugin->state.lower_bound(query.prefix);
         one != plugin->state.end() && one->first.starts_with(query.prefix); ++one) {
        if (one->first <= query.after) {
            continue;
        }
        if (page.entries.size() >= kStatePageEntries || bytes >= kStatePageBytes) {
            page.next = page.entries.back().key;
            break;
        }
        page.entries.push_back({one->first, one->second});
        bytes += one->first.size() + one->second.size();
    }
    return page;
}

}  // namespace

base::Result<std::optional<std::string>> MemoryInbox::MemoryKeptState::get(
    const std::string& plugin, const std::string& key) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    const MemoryStore::Plugin* const of = store_.plugin(plugin);
    if (!of || !of->state.contains(key)) {
        return std::optional<std::string>();
    }
    return std::optional(of->state.at(key));
}

base::Result<StatePage> MemoryInbox::MemoryKeptState::page(const StateQuery& query) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    return page_of(store_, query);
}

base::Result<std::int64_t> MemoryInbox::MemoryKeptState::count(const std::string& plugin) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    const MemoryStore::Plugin* const of = store_.plugin(plugin);
    return of ? static_cast<std::int64_t>(of->state.size()) : 0;
}

base::Result<std::int64_t> MemoryInbox::MemoryKeptState::write(const std::string& plugin,
                                                               std::vector<StateChange> changes) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    MemoryStore::Plugin* const of = store_.plugin(plugin);
    if (!of) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin " + plugin};
    }
    inbox_.touch();
    return MemoryStore::change(*of, changes);
}

base::Result<std::vector<StateTotals>> MemoryInbox::MemoryCatalog::states() {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    std::map<std::string, StateTotals> by_name;
    for (const MemoryStore::Plugin& plugin : store_.plugins) {
        StateTotals totals{plugin.name, 0, 0};
        for (const auto& [key, value] : plugin.state) {
            ++totals.keys;
            totals.bytes += static_cast<std::int64_t>(key.size() + value.size());
        }
        if (totals.keys > 0) {
            by_name[plugin.name] = totals;
        }
    }
    std::vector<StateTotals> all;
    for (auto& [name, totals] : by_name) {
        all.push_back(std::move(totals));
    }
    return all;
}

base::Result<StatePage> MemoryInbox::MemoryCatalog::state(const StateQuery& query) {
    const Lock lock(store_.mutex);
    if (inbox_.closed_) {
        return closed_error();
    }
    return page_of(store_, query);
}

}  // namespace incm::inbox::test
