#include "incm/admin/reload_requests.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace incm::admin {
namespace {

base::Result<std::string> ask(ReloadRequests& requests) {
    base::Result<Parameters> none = Parameters::of_json("{}");
    return requests.call(none.value());
}

TEST(ReloadRequests, AnswersWithTheResultOfAReloadThatBeganAfterTheRequest) {
    std::promise<void> first;
    std::promise<void> second;
    std::atomic<int> woken{0};
    ReloadRequests requests([&] { (++woken == 1 ? first : second).set_value(); });
    auto one = std::async(std::launch::async, [&] { return ask(requests); });
    first.get_future().wait();
    const std::uint64_t ticket = requests.begin();
    auto other = std::async(std::launch::async, [&] { return ask(requests); });
    second.get_future().wait();  // while the first reload runs
    requests.finish(ticket, "1");
    EXPECT_EQ(one.get().value(), "1");
    requests.finish(requests.begin(), "2");
    EXPECT_EQ(other.get().value(), "2");
}

TEST(ReloadRequests, AreRefusedOnceTheServerStops) {
    std::promise<void> asked;
    ReloadRequests requests([&] { asked.set_value(); });
    auto one = std::async(std::launch::async, [&] { return ask(requests); });
    asked.get_future().wait();
    requests.close();
    EXPECT_EQ(one.get().error().code, base::ErrorCode::kClosed);
}

TEST(ReloadRequests, TakeNoParameters) {
    ReloadRequests requests([] { FAIL() << "nothing is to be reloaded"; });
    base::Result<Parameters> given = Parameters::of_json(R"({"plugin": "a"})");
    EXPECT_EQ(requests.call(given.value()).error().code, base::ErrorCode::kMalformedRequest);
}

}  // namespace
}  // namespace incm::admin
