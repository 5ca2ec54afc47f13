#include "incm/auth/tokens.h"

#include <gtest/gtest.h>

namespace {

using incm::auth::TokenList;
using incm::base::Secret;

TEST(TokenList, FindsTheHolderOfEachToken) {
    const TokenList list({{"ops", Secret("first"), true},
                          {"ops", Secret("second"), true},
                          {"viewer", Secret("third"), false}});
    ASSERT_TRUE(list.find("second"));
    EXPECT_EQ(list.find("second")->name, "ops");
    EXPECT_TRUE(list.find("first")->may_change);
    EXPECT_EQ(list.find("third")->name, "viewer");
    EXPECT_FALSE(list.find("third")->may_change);
}

TEST(TokenList, FindsNobodyForAnotherText) {
    const TokenList list({{"ops", Secret("first"), true}, {"viewer", Secret("third"), false}});
    for (const char* text : {"", "firs", "firstt", "First", "firstthird", " first"}) {
        EXPECT_FALSE(list.find(text)) << text;
    }
}

TEST(TokenList, WithoutTokensFindsNobody) {
    EXPECT_TRUE(TokenList().empty());
    EXPECT_FALSE(TokenList().find(""));
}

}  // namespace
