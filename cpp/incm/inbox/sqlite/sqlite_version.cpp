#include "incm/inbox/sqlite/sqlite_version.h"

#include <sqlite3.h>

namespace incm::inbox::sqlite {

std::string sqlite_version() {
    return sqlite3_libversion();
}

}  // namespace incm::inbox::sqlite
