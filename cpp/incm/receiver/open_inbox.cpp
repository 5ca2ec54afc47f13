#include "incm/receiver/open_inbox.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/sqlite_inbox.h"
#include "incm/inbox/sqlite/sqlite_read_only_inbox.h"

namespace incm::receiver {

namespace {

constexpr std::string_view kSqlite = "sqlite:";

base::Error unknown(const std::string& url) {
    std::string text = "this version knows no inbox URL ";
    text += base::printable(url);
    text += ": write sqlite:PATH";
    return {base::ErrorCode::kBadConfig, text};
}

base::Status check_exists(const std::string& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return base::success();
    return base::Error{base::ErrorCode::kInboxUnusable, "there is no inbox " + path};
}

/// Convert a pointer to an implementation to one to its interface.
template <typename Interface, typename Implementation>
base::Result<std::unique_ptr<Interface>> as(base::Result<std::unique_ptr<Implementation>> opened) {
    if (!opened.ok()) return opened.error();
    return std::unique_ptr<Interface>(std::move(opened).value());
}

}  // namespace

base::Result<std::unique_ptr<inbox::Inbox>> open_inbox(const std::string& url,
                                                       const inbox::Options& options,
                                                       bool may_create, base::LogSink& log,
                                                       bool keep_copy) {
    if (!url.starts_with(kSqlite)) return unknown(url);
    const std::string path = url.substr(kSqlite.size());
    if (!may_create) {
        if (base::Status there = check_exists(path); !there.ok()) return there.error();
    }
    return as<inbox::Inbox>(inbox::sqlite::SqliteInbox::open(path, options, log, keep_copy));
}

base::Result<std::unique_ptr<inbox::ReadOnlyInbox>> open_inbox_to_read(const std::string& url,
                                                                       base::LogSink& log) {
    if (!url.starts_with(kSqlite)) return unknown(url);
    const std::string path = url.substr(kSqlite.size());
    if (base::Status there = check_exists(path); !there.ok()) return there.error();
    return as<inbox::ReadOnlyInbox>(inbox::sqlite::SqliteReadOnlyInbox::open(path, log));
}

}  // namespace incm::receiver
