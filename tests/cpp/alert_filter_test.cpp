#include "incm/model/alert_filter.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "incm/model/alert_type.h"

namespace {

using incm::model::Alert;
using incm::model::AlertFilter;
using incm::model::glob_match;

Alert sample() {
    Alert alert;
    alert.type = "license_expiring";
    alert.device_id = "dev1";
    alert.serial_number = "EF60";
    alert.entity_name = "router-1";
    alert.org_id = "o1";
    alert.org = incm::model::Party{"o1", "Acme"};
    alert.device_group = incm::model::Party{"g1", "Berlin"};
    alert.status = "active";
    alert.priority = 2;
    return alert;
}

bool wants(const AlertFilter& filter, const Alert& alert) {
    return filter.matches(alert, "/webhook");
}

TEST(Glob, MatchesStarsAndQuestionMarks) {
    EXPECT_TRUE(glob_match("license_*", "license_expired"));
    EXPECT_TRUE(glob_match("*_wan_*", "modem_wan_connected"));
    EXPECT_TRUE(glob_match("a?c", "abc"));
    EXPECT_TRUE(glob_match("*", ""));
    EXPECT_FALSE(glob_match("a?c", "ac"));
    EXPECT_FALSE(glob_match("license_*", "reboot"));
    EXPECT_FALSE(glob_match("", "x"));
    EXPECT_FALSE(glob_match("[a]", "a"));
    EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(AlertFilter, AnEmptyFilterWantsEverything) {
    EXPECT_TRUE(wants({}, sample()));
    EXPECT_TRUE(wants({}, Alert{}));
}

TEST(AlertFilter, EachListMatchesItsFields) {
    EXPECT_TRUE(wants({.types = {"reboot", "license_*"}}, sample()));
    EXPECT_FALSE(wants({.types = {"reboot"}}, sample()));
    EXPECT_TRUE(wants({.endpoints = {"/web*"}}, sample()));
    EXPECT_FALSE(wants({.endpoints = {"/other"}}, sample()));
    for (const char* org : {"o1", "Acme", "A*"})
        EXPECT_TRUE(wants({.orgs = {org}}, sample())) << org;
    EXPECT_FALSE(wants({.orgs = {"acme"}}, sample()));
    for (const char* group : {"g1", "Berlin"}) {
        EXPECT_TRUE(wants({.groups = {group}}, sample())) << group;
    }
    EXPECT_FALSE(wants({.groups = {"Paris"}}, sample()));
    for (const char* device : {"dev1", "EF60", "router-*"}) {
        EXPECT_TRUE(wants({.devices = {device}}, sample())) << device;
    }
    EXPECT_TRUE(wants({.status = {"Active"}}, sample()));
    EXPECT_FALSE(wants({.status = {"closed"}}, sample()));
    EXPECT_TRUE(wants({.priority = {1, 2}}, sample()));
    EXPECT_FALSE(wants({.priority = {1}}, sample()));
}

TEST(AlertFilter, SeveralListsMustAllAgree) {
    EXPECT_TRUE(wants({.types = {"license_*"}, .orgs = {"Acme"}}, sample()));
    EXPECT_FALSE(wants({.types = {"license_*"}, .orgs = {"Other"}}, sample()));
}

TEST(AlertFilter, AnAbsentFieldMatchesNoList) {
    EXPECT_FALSE(wants({.types = {"*"}}, Alert{}));
    EXPECT_FALSE(wants({.status = {"*"}}, Alert{}));
    EXPECT_FALSE(wants({.priority = {0}}, Alert{}));
    EXPECT_FALSE(wants({.devices = {"*"}}, Alert{}));
}

TEST(AlertTypes, AreThe26OfTheSpecification) {
    const auto types = incm::model::alert_types();
    ASSERT_EQ(types.size(), 26U);
    for (const auto& type : types) {
        if (type.opposite.empty()) {
            EXPECT_EQ(type.family, type.name);
            EXPECT_FALSE(type.clears) << type.name;
            continue;
        }
        const auto other = std::ranges::find(types, type.opposite, &incm::model::AlertType::name);
        ASSERT_NE(other, types.end()) << type.name;
        EXPECT_EQ(other->opposite, type.name);
        EXPECT_EQ(other->family, type.family);
        EXPECT_NE(other->clears, type.clears) << type.name;
    }
    EXPECT_EQ(incm::model::label_of("wwan_connected"), "Wi-Fi(STA) Wan Connected");
    EXPECT_EQ(incm::model::label_of("brand_new"), "brand_new");
}

TEST(AlertFilter, NamesTheListThatDoesNotMatch) {
    Alert alert;
    alert.type = "reboot";
    alert.status = "active";
    AlertFilter filter{.types = {"re*"}, .status = {"ACTIVE"}};
    EXPECT_EQ(filter.mismatch(alert, "/w"), nullptr);
    filter.priority = {1};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "priority");
    filter.status = {"closed"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "status");
    filter.devices = {"d"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "devices");
    filter.groups = {"g"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "groups");
    filter.orgs = {"o"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "orgs");
    filter.endpoints = {"/x"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "endpoints");
    filter.types = {"sim_*"};
    EXPECT_STREQ(filter.mismatch(alert, "/w"), "types");
}

}  // namespace
