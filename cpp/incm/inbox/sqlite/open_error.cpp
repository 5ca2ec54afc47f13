#include "incm/inbox/sqlite/open_error.h"

#include <exception>

#include "incm/base/bytes.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_system.h"
#include "incm/inbox/sqlite/foreign_lock.h"
#include "incm/inbox/sqlite/inbox_file.h"

namespace incm::inbox::sqlite {

namespace {

using base::ErrorCode;

base::Error error_of(const std::string& path, const SqlError& error) {
    if (error.locked()) {
        const std::string writer = foreign_writer(path + "-shm");
        return {ErrorCode::kInboxUnavailable, "cannot open the inbox " + path + ": " +
                                                  (writer.empty() ? "another program" : writer) +
                                                  " has locked it; end its transaction"};
    }
    const std::string what = "cannot open the inbox " + path + " (" + error.what() + ")";
    if (error.may_pass()) {
        return {ErrorCode::kInboxUnavailable, what + ": see to the disk"};
    }
    if (error.damaged()) {
        return {ErrorCode::kInboxUnusable, what + ": the file is damaged, restore it from a copy"};
    }
    if (error.without_index()) {
        return {ErrorCode::kInboxUnusable, what + ": its shared memory " + path +
                                               "-shm cannot be used" + local_disk_advice(path)};
    }
    return {ErrorCode::kInboxUnusable, what + ": see to the disk and start again"};
}

}  // namespace

base::Error open_error(const std::string& path) {
    try {
        throw;
    } catch (const base::Failure& failure) {
        return {failure.code(), failure.what()};
    } catch (const SqlError& error) {
        if (error.sync_failed()) {
            ask_for_check(path);
        }
        return error_of(path, error);
    } catch (const std::exception& error) {
        return {ErrorCode::kInboxUnusable, "cannot open the inbox " + path + ": " + error.what()};
    }
}

void warn_of_network(const std::string& path, base::LogSink& log) {
    const std::string network = network_file_system(path);
    if (!network.empty()) {
        log.write(base::LogLevel::kWarning,
                  "the inbox " + base::printable(path) + " is on " + network +
                      ", where locks and shared memory are not reliable: alerts can be "
                      "lost. Put it on a disk of this machine");
    }
}

}  // namespace incm::inbox::sqlite
