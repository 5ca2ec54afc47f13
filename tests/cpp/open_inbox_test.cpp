#include "incm/receiver/open_inbox.h"

#include <string>

#include "inbox/folder.h"
#include "inbox/support.h"
#include <gtest/gtest.h>

namespace incm::receiver::test {
namespace {

TEST(OpenInboxTest, TheSchemeChoosesTheBackend) {
    const inbox::test::Folder folder;
    inbox::test::Lines log;
    const auto opened = open_inbox("sqlite:" + (folder / "inbox.db"), {}, /*may_create=*/true, log);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    for (const std::string url : {"postgresql://host/inbox", "inbox.db", ""}) {
        const auto refused = open_inbox(url, {}, /*may_create=*/true, log);
        ASSERT_FALSE(refused.ok()) << url;
        EXPECT_EQ(refused.error().code, base::ErrorCode::kBadConfig);
        EXPECT_NE(refused.error().text.find("write sqlite:PATH"), std::string::npos);
        EXPECT_EQ(open_inbox_to_read(url, log).error().code, base::ErrorCode::kBadConfig);
    }
}

TEST(OpenInboxTest, WhatIsNotThereIsNotMade) {
    const inbox::test::Folder folder;
    inbox::test::Lines log;
    const std::string url = "sqlite:" + (folder / "inbox.db");
    EXPECT_EQ(open_inbox(url, {}, /*may_create=*/false, log).error().code,
              base::ErrorCode::kInboxUnusable);
    EXPECT_EQ(open_inbox_to_read(url, log).error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace incm::receiver::test
