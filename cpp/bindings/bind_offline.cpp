#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.h"
#include <pybind11/stl.h>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/lock_holder.h"
#include "incm/inbox/sqlite/log_check.h"
#include "incm/inbox/sqlite/restore.h"
#include "incm/inbox/sqlite/schema.h"
#include "incm/inbox/sqlite/upgrade_copy.h"
#include "incm/receiver/offline_inbox.h"

namespace incm::bindings {

namespace {

/// An inbox without a server, with the log that it uses.
class OfflineInboxView {
 public:
    OfflineInboxView(const std::string& url, std::optional<std::vector<ingest::Route>> routes,
                     const std::optional<std::vector<ingest::Endpoint>>& endpoints, bool read_only,
                     bool keep_copy, std::int64_t reserve_bytes)
        : inbox_(value_or_throw(
              read_only ? receiver::OfflineInbox::open_to_read(url, std::move(routes), log_)
                        : receiver::OfflineInbox::open(url, std::move(routes), endpoints,
                                                       {keep_copy, reserve_bytes}, log_))) {}

    std::pair<int, std::string> call(std::string method, std::string target, std::string body) {
        admin::ApiReply reply = inbox_->call({.method = std::move(method),
                                              .target = std::move(target),
                                              .content_type = "application/json",
                                              .body = std::move(body)});
        return {reply.status, std::move(reply.body)};
    }
    void close() { inbox_->close(); }

 private:
    base::StderrSink log_;
    std::unique_ptr<receiver::OfflineInbox> inbox_;
};

std::optional<std::pair<int, std::string>> find_inbox_holder(const std::string& lock) {
    auto holder = inbox::sqlite::find_holder(lock);
    if (!holder) return std::nullopt;
    return std::pair{holder->pid, std::move(holder->text)};
}

std::tuple<std::string, std::string> look_at_log(const std::string& path) {
    inbox::sqlite::LogFinding finding = inbox::sqlite::look_at_log(path);
    return {std::move(finding.refusal), std::move(finding.warning)};
}

std::tuple<std::int64_t, std::int64_t, std::string> restore_inbox(const std::string& copy,
                                                                  const std::string& path) {
    base::StderrSink log;
    inbox::sqlite::Restored restored = value_or_throw(inbox::sqlite::restore(copy, path, log));
    return {restored.alerts, restored.last_alert_id, std::move(restored.kept_aside)};
}

}  // namespace

void bind_offline(py::module_& module) {
    module.attr("sqlite_version") = inbox::sqlite::library_version();
    module.attr("inbox_application_id") = inbox::sqlite::kApplicationId;
    module.attr("inbox_schema_version") = inbox::sqlite::schema_version();
    using WithoutGil = py::call_guard<py::gil_scoped_release>;
    module.def("find_inbox_holder", &find_inbox_holder, WithoutGil(), py::arg("lock"),
               R"(Return the process that has an inbox open, given the lock file of the inbox.

Shape:   the process id (0: not known) and a sentence; None when no process has it open.
Errors:  InboxError when that cannot be found out.
Threads: any.
Source:  cpp/incm/inbox/sqlite/lock_holder.h.)");
    module.def(
        "check_inbox_place", &inbox::sqlite::check_place, py::arg("path"),
        R"(Check that the log of an inbox file can be beside the file, and that the file has only one name.

Errors:  InboxError: the file is a mount of its own, or has a second name. A missing file is no error.)");
    module.def(
        "look_at_inbox_log", &look_at_log, WithoutGil(), py::arg("path"),
        R"(Check whether an inbox file and its log belong together, and whether one of them is missing.

Shape:   path: absolute; no process has this inbox open, or there is no inbox.
         -> (why it would not be opened, a warning): sentences, "" when there is none.
         Nothing is changed.
Threads: any.
Source:  cpp/incm/inbox/sqlite/log_check.h.)");
    module.def("newer_inbox", &inbox::sqlite::newer_inbox_text, py::arg("path"), py::arg("version"),
               R"(Return the sentence about an inbox whose version this program does not know yet.

Shape:   it names the copy to go back to, if one is beside the inbox.
Threads: any.)");
    module.def(
        "no_room_to_upgrade", &inbox::sqlite::no_room_for_upgrade_copy, py::arg("path"),
        py::arg("version"), py::arg("reserve_bytes"),
        R"(Return why the disk has no room for the copy that is kept before an inbox of this version is migrated.

Shape:   a sentence; "" when there is room. reserve_bytes: free disk that must be left.
Threads: any.)");
    module.def("restore_inbox", &restore_inbox, WithoutGil(), py::arg("copy"), py::arg("path"),
               R"(Replace an inbox, which no process has open, with a copy of an inbox.

Shape:   -> (number of alerts, number of the last alert, where the old inbox is now or ""). The copy
         is checked first, and stays as it is.
Errors:  InboxError when the copy cannot be used; InboxInUseError. Nothing is changed then.
Threads: any.)");
    py::class_<OfflineInboxView>(module, "OfflineInbox",
                                 R"(The admin API on an inbox that no server has open.

Shape:   url: such as `sqlite:PATH`. routes: the configured plugins; endpoints: the configured endpoints
         with their secrets; None when the configuration is not known. read_only: nothing is written, not
         even a file beside the inbox, and calls that change something are refused. keep_copy: keep a
         copy of an older inbox before it is migrated. reserve_bytes: free disk that must be left.
Errors:  InboxError when there is no such inbox, or another process has it open.
Threads: any.
Source:  docs/http-api.md, The admin API.)")
        .def(py::init<const std::string&, std::optional<std::vector<ingest::Route>>,
                      const std::optional<std::vector<ingest::Endpoint>>&, bool, bool,
                      std::int64_t>(),
             WithoutGil(), py::arg("url"), py::arg("routes"), py::arg("endpoints") = std::nullopt,
             py::arg("read_only") = false, py::arg("keep_copy") = true,
             py::arg("reserve_bytes") = 0)
        .def("call", &OfflineInboxView::call, WithoutGil(), py::arg("method"), py::arg("target"),
             py::arg("body") = "",
             "Make a call as over HTTP: target is the path and query, body is JSON. Returns the "
             "status and the JSON text of the answer.")
        .def("close", &OfflineInboxView::close, WithoutGil(), "Close the file. Idempotent.");
}

}  // namespace incm::bindings
