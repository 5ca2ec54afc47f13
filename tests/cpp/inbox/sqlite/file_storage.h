#pragma once

#include <memory>
#include <string>
#include <utility>

#include "../folder.h"
#include "../storage.h"

#include "incm/inbox/sqlite/sqlite_inbox.h"

namespace incm::inbox::sqlite::test {

/// A file in a folder of its own.
class FileStorage final : public inbox::test::Storage {
 public:
    base::Result<std::unique_ptr<Inbox>> open(const Options& options, base::LogSink& log) override {
        return open_at(folder / "inbox.db", options, log);
    }
    static base::Result<std::unique_ptr<Inbox>> open_at(const std::string& path,
                                                        const Options& options,
                                                        base::LogSink& log) {
        auto opened = SqliteInbox::open(path, options, log);
        if (!opened.ok()) {
            return opened.error();
        }
        return std::unique_ptr<Inbox>(std::move(opened).value());
    }

    inbox::test::Folder folder;
};

}  // namespace incm::inbox::sqlite::test
