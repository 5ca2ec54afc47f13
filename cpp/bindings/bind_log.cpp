#include <string>

#include "bindings.h"

#include "incm/base/standard_error.h"

namespace incm::bindings {

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
}

}  // namespace incm::bindings
