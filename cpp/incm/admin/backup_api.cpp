#include "incm/admin/backup_api.h"

#include <sstream>

#include <Poco/JSON/Object.h>

#include "incm/inbox/backup.h"

namespace incm::admin {

namespace {

std::string word_of(inbox::BackupProgress::State state) {
    using State = inbox::BackupProgress::State;
    switch (state) {
        case State::kNone:
            return "none";
        case State::kRunning:
            return "running";
        case State::kDone:
            return "done";
        case State::kFailed:
            break;
    }
    return "failed";
}

}  // namespace

BackupApi::Text BackupApi::show(Parameters& given) const {
    if (const auto error = given.finish()) return *error;
    if (!inbox_)
        return base::Error{base::ErrorCode::kNotFound, "the inbox is open only for reading"};
    return progress();
}

BackupApi::Text BackupApi::start(Parameters& given) const {
    const std::string file = given.text("file").value_or("");
    if (const auto error = given.finish()) return *error;
    const base::Status started = inbox_->backup().start(file);
    if (!started.ok()) return started.error();
    return progress();
}

BackupApi::Text BackupApi::cancel(Parameters& given) const {
    if (const auto error = given.finish()) return *error;
    inbox_->backup().cancel();
    return progress();
}

std::string BackupApi::progress() const {
    const inbox::BackupProgress progress = inbox_->backup().progress();
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set("state", word_of(progress.state));
    object.set("file", progress.file);
    object.set("bytes", progress.bytes);
    object.set("of_bytes", progress.of_bytes);
    object.set("last_alert_id", progress.last_alert_id);
    object.set("error", progress.error);
    std::ostringstream text;
    object.stringify(text);
    return text.str();
}

}  // namespace incm::admin
