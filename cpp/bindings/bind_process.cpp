#include "bindings.h"

#include "incm/base/kept_from_children.h"

namespace incm::bindings {

void bind_process(py::module_& module) {
    py::class_<base::KeptFromChildren>(module, "KeptFromChildren",
                                       R"(A descriptor that no forked child of this process holds.

Shape:   an open descriptor, for as long as this object lives; for a socket or file also its
         duplicates. A child finds /dev/null in its place.
Threads: any.
Source:  own choice.)")
        .def(py::init(&base::KeptFromChildren::descriptor), py::arg("descriptor"));
    module.def("restore_signal_in_children", &base::restore_signal_in_children, py::arg("number"),
               R"(Restore the default action of a signal in forked children.

Shape:   the number of a signal that this process handles.
Threads: any.
Source:  own choice.)");
}

}  // namespace incm::bindings
