#include <string>

#include "bindings.h"

#include "incm/base/standard_error.h"

namespace incm::bindings {

void bind_log(py::module_& module) {
    module.def(
        "write_to_stderr",
        [](const std::string& line) {
            // Not by a destructor, as gil_scoped_release does: the interpreter ends a daemon thread
            // that wants the GIL back from an ending one, and would end the process from there.
            PyThreadState* const state = PyEval_SaveThread();
            base::write_to_stderr(line);
            PyEval_RestoreThread(state);
        },
        py::arg("line"),
        R"(Write a line to standard error as the core does: its reader may stop, and stops nobody.

Shape:   the line in UTF-8, with its line end; it may be dropped, and a later line says so.
Threads: any.
Source:  own choice.)");
}

}  // namespace incm::bindings
