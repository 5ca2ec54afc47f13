#include "incm/base/url_path.h"

#include <array>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

using incm::base::nearest_path;
using incm::base::normal_path;
using incm::base::without_last_slash;

TEST(UrlPath, SpellingsOfOnePathAreOne) {
    for (const auto& [path, normal] :
         {std::pair{"/webhook", "/webhook"}, std::pair{"/%77eb%68ook", "/webhook"},
          std::pair{"/caf%c3%a9", "/caf%C3%A9"}, std::pair{"/%7Ea%2Db%2e%5F", "/~a-b._"},
          std::pair{"/./webhook", "/webhook"}, std::pair{"/%2e/a/././b", "/a/b"},
          std::pair{"/a/.", "/a/"}, std::pair{"/.a/b.", "/.a/b."}, std::pair{"", ""}}) {
        EXPECT_EQ(normal_path(path), normal) << path;
        EXPECT_EQ(normal_path(normal), normal) << "once more changes nothing";
    }
}

TEST(UrlPath, WhatSeparatesOrLeadsAwayStaysAsItIs) {
    for (const char* const path : {"/a%2Fb", "/a/../b", "/..", "//a", "/a//b", "/a%", "/a%4",
                                   "/a%zz", "/a%00b", "/a%25", "/A", "/a;b", "/a%3Bb"}) {
        EXPECT_EQ(normal_path(path), path);
    }
    EXPECT_EQ(normal_path("/%2e%2E/b%2f"), "/../b%2F");
    EXPECT_EQ(normal_path("/%2541"), "/%2541") << "nothing is decoded twice";
}

TEST(UrlPath, OneSlashAtTheEndCanBeLeftOut) {
    for (const auto& [path, bare] :
         {std::pair{"/a/", "/a"}, std::pair{"/a", "/a"}, std::pair{"/", "/"},
          std::pair{"/a//", "/a//"}, std::pair{"//", "//"}, std::pair{"", ""}}) {
        EXPECT_EQ(without_last_slash(path), bare);
    }
}

TEST(UrlPath, TheNearestHasTheFewestChanges) {
    const std::array<std::string_view, 3> known = {"/alerts", "/webhook", "/webhook/de"};
    EXPECT_EQ(nearest_path("/webhok", known), "/webhook");
    EXPECT_EQ(nearest_path("/webhook/fr", known), "/webhook/de");
    EXPECT_EQ(nearest_path("/", known), "/alerts");
    EXPECT_EQ(nearest_path("/" + std::string(8000, 'a'), known).substr(0, 1), "/");
    EXPECT_EQ(nearest_path("/x", {}), "");
}

}  // namespace
