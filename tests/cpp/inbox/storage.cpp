#include "storage.h"

#include "memory_inbox.h"
#include "sqlite/file_storage.h"

namespace incm::inbox::test {

namespace {

class MemoryStorage final : public Storage {
 public:
    base::Result<std::unique_ptr<Inbox>> open(const Options& options, base::LogSink& log) override {
        return MemoryInbox::open(store_, options, log);
    }

 private:
    const std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
};

template <typename Made>
std::unique_ptr<Storage> make() {
    return std::make_unique<Made>();
}

}  // namespace

const std::vector<Implementation>& implementations() {
    static const std::vector<Implementation> all = {{"Sqlite", &make<sqlite::test::FileStorage>},
                                                    {"Memory", &make<MemoryStorage>}};
    return all;
}

}  // namespace incm::inbox::test
