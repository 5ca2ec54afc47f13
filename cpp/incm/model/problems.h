#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "incm/model/alert.h"

namespace incm::model {

/// Collects sentences about oddities of a text, for Alert::problems.
///
/// Shape:   add() keeps the first kMaxProblems; finish() adds the number of the others.
/// Threads: like a value type; the list must outlive it.
/// Source:  own choice.
class Problems {
 public:
    explicit Problems(std::vector<std::string>& list) : list_(list) {}

    void add(std::string sentence) {
        if (list_.size() < kMaxProblems) {
            list_.push_back(std::move(sentence));
        } else {
            ++more_;
        }
    }
    void finish() {
        if (more_ > 0) list_.push_back("and " + std::to_string(more_) + " more");
    }

 private:
    std::vector<std::string>& list_;
    std::size_t more_ = 0;
};

}  // namespace incm::model
