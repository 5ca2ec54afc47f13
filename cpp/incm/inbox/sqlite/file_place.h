#pragma once

#include <cstdint>
#include <string>

namespace incm::inbox::sqlite {

/// See that an inbox file stands where its log can stand beside it, and under one name only.
///
/// Errors:  base::Failure kInboxUnusable: the file is a mount of its own (its log would stay in
///          another file system, and be lost), or has a second name (a hard link, under which
///          another process would make another log and lock). A path without a file is fine, and so
///          is a name that an interrupted restore left.
void check_place(const std::string& path);

/// By which a file is told from another one that got its name, and from one that got its inode
/// number, too. 0: there is none.
[[nodiscard]] std::int64_t file_id(const std::string& path);

}  // namespace incm::inbox::sqlite
