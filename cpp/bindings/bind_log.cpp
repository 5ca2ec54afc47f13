#include <string>

#include "bindings.h"

#include "incm/base/log_line.h"
#include "incm/base/standard_error.h"

namespace incm::bindings {

namespace {

base::LogFormat format_of(const std::string& name) {
    if (name == "text") return base::LogFormat::kText;
    if (name == "json") return base::LogFormat::kJson;
    if (name == "journal") return base::LogFormat::kJournal;
    throw py::value_error("\"" + name + "\" is none of text, json and journal");
}

base::Priority priority_of(const std::string& level) {
    if (level == "debug" || level == "info") return base::Priority::kInfo;
    if (level == "warning") return base::Priority::kWarning;
    if (level == "error") return base::Priority::kError;
    throw py::value_error("\"" + level + "\" is none of debug, info, warning and error");
}

}  // namespace

void bind_log(py::module_& module) {
    module.def(
        "write_to_stderr",
        [](const std::string& line) {
            // Not with gil_scoped_release: while the interpreter shuts down, it ends a daemon
            // thread that takes the GIL back, and doing so inside a destructor would end the
            // process.
            PyThreadState* const state = PyEval_SaveThread();
            base::write_to_stderr(line);
            PyEval_RestoreThread(state);
        },
        py::arg("line"),
        R"(Write a line to standard error as the core does: a reader that stops reading blocks no thread.

Shape:   the line in UTF-8, with its line end. It may be dropped; a later line reports that.
Threads: any.
Source:  own choice.)");
    module.def(
        "set_log_style",
        [](const std::string& format, const std::string& level, bool coloured) {
            base::set_log_style({.format = format_of(format),
                                 .is_coloured = coloured,
                                 .least = priority_of(level)});
        },
        py::arg("format"), py::arg("level"), py::arg("coloured"),
        R"(Set how the core writes its log lines, and from which level on.

Shape:   format: text, json or journal. level: debug, info, warning or error. coloured: the level, in text.
Errors:  ValueError for other words.
Threads: any.)");
}

}  // namespace incm::bindings
