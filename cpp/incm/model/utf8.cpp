#include "incm/model/utf8.h"

#include <simdjson.h>

namespace incm::model {

bool is_utf8(std::string_view bytes) {
    return simdjson::validate_utf8(bytes);
}

}  // namespace incm::model
