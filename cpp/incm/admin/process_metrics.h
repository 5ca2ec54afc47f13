#pragma once

#include "incm/admin/exposition.h"

namespace incm::admin {

/// Write the `process_` metrics of this process, under their usual names. What /proc does not show
/// is left out. Threads: any.
void write_process_metrics(Exposition& page);

}  // namespace incm::admin
