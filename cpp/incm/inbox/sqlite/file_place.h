#pragma once

#include <cstdint>
#include <string>

namespace incm::inbox::sqlite {

/// Check that an inbox file is at a place where its log can be beside it, and that it has only one
/// name.
///
/// Errors:  base::Failure kInboxUnusable: the file is a mount of its own (its log would be in
///          another file system, and be lost), or it has a second name (a hard link, under which
///          another process would create another log and lock). A path without a file is accepted,
///          and so is a second name that an interrupted restore left.
void check_place(const std::string& path);

/// Return a number that distinguishes a file from another file that got its name, even if that got
/// its inode number too. 0: there is no such file.
[[nodiscard]] std::int64_t file_id(const std::string& path);

}  // namespace incm::inbox::sqlite
