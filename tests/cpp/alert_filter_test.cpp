#include "incm/model/alert_filter.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "incm/model/alert_type.h"
#include "incm/model/glob.h"
#include "incm/model/own_type.h"

namespace {

using incm::model::Alert;
using incm::model::AlertFilter;
using incm::model::glob_match;
using incm::model::ValuePattern;
using incm::model::Where;

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

TEST(AlertTypes, OfTheServerItselfAreApartAndTheirOpposites) {
    const auto types = incm::model::own_alert_types();
    for (const auto& type : types) {
        EXPECT_TRUE(incm::model::is_own_type(type.name)) << type.name;
        EXPECT_EQ(incm::model::any_label_of(type.name), type.label);
        if (type.opposite.empty()) continue;
        const auto other = std::ranges::find(types, type.opposite, &incm::model::AlertType::name);
        ASSERT_NE(other, types.end()) << type.name;
        EXPECT_EQ(other->opposite, type.name);
        EXPECT_EQ(other->family, type.family);
        EXPECT_NE(other->clears, type.clears) << type.name;
    }
    for (const auto& type : incm::model::alert_types()) {
        EXPECT_FALSE(incm::model::is_own_type(type.name)) << type.name;
        EXPECT_EQ(incm::model::any_label_of(type.name), type.label);
    }
}

Alert own(const char* type) {
    Alert alert;
    alert.type = type;
    return alert;
}

TEST(AlertFilter, OnlyWhoNamesTheServersOwnAlertsGetsThem) {
    const Alert failing = own("incm_webhook.plugin_failing");
    EXPECT_FALSE(wants({}, failing));
    EXPECT_FALSE(wants({.types = {"*"}}, failing)) << "that means alerts of devices";
    EXPECT_FALSE(wants({.types = {"incm_webhook.disk_*"}}, failing));
    EXPECT_TRUE(wants({.types = {"*", "incm_webhook.*"}}, failing));
    EXPECT_TRUE(wants({.types = {"incm_webhook.plugin_failing"}}, failing));
    EXPECT_EQ(AlertFilter{}.mismatch(failing, "/a"), "types");
    const AlertFilter narrow{
        .types = {"incm_webhook.*"}, .endpoints = {"/a"}, .orgs = {"Acme"}, .priority = {9}};
    EXPECT_TRUE(narrow.matches(failing, incm::model::kOwnEndpoint)) << "they are about no device";
    AlertFilter but;
    but.types = {"incm_webhook.*"};
    but.unwanted = std::make_shared<const AlertFilter>(AlertFilter{.types = {"*_failing"}});
    EXPECT_FALSE(wants(but, failing));
    EXPECT_EQ(but.mismatch(failing, "/a"), "not types");
    EXPECT_TRUE(wants(but, own("incm_webhook.disk_filling")));
}

TEST(AlertFilter, AllListsCountForAnOwnTypeThatCameToAnEndpoint) {
    const Alert failing = own("incm_webhook.plugin_failing");
    const AlertFilter on_a{.types = {"incm_webhook.*"}, .endpoints = {"/a"}};
    EXPECT_TRUE(on_a.matches(failing, "/a"));
    EXPECT_FALSE(on_a.matches(failing, "/b"));
    EXPECT_EQ(on_a.mismatch(failing, "/a"), "");
    EXPECT_EQ(on_a.mismatch(failing, "/b"), "endpoints");
    AlertFilter not_b{.types = {"incm_webhook.*"}};
    not_b.unwanted = std::make_shared<const AlertFilter>(AlertFilter{.endpoints = {"/b"}});
    EXPECT_TRUE(not_b.matches(failing, "/a"));
    EXPECT_FALSE(not_b.matches(failing, "/b"));
    EXPECT_EQ(not_b.mismatch(failing, "/b"), "not endpoints");
    EXPECT_FALSE(AlertFilter{.endpoints = {"/a"}}.matches(failing, "/a")) << "it is not named";
}

TEST(AlertFilter, OnlyWhoNamesCanariesThemselvesGetsThem) {
    const Alert canary = own("incm_webhook.canary");
    EXPECT_FALSE(wants({.types = {"*", "incm_webhook.*"}}, canary));
    EXPECT_TRUE(wants({.types = {"incm_webhook.canary"}}, canary));
}

AlertFilter refusing(AlertFilter unwanted) {
    AlertFilter filter;
    filter.unwanted = std::make_shared<const AlertFilter>(std::move(unwanted));
    return filter;
}

Where where(const char* path, const char* pattern) {
    Where one;
    EXPECT_TRUE(one.add(path, {ValuePattern::parse(pattern).value()}).ok());
    return one;
}

TEST(AlertFilter, WhatIsUnwantedIsRefusedByEachOfItsLists) {
    EXPECT_TRUE(wants(refusing({}), sample()));
    EXPECT_TRUE(wants(refusing({.types = {"reboot"}, .devices = {"other"}}), sample()));
    EXPECT_FALSE(wants(refusing({.types = {"reboot"}, .devices = {"dev*"}}), sample()));
    EXPECT_FALSE(wants(refusing({.endpoints = {"/web*"}}), sample()));
    EXPECT_FALSE(wants(refusing({.orgs = {"Acme"}}), sample()));
    EXPECT_FALSE(wants(refusing({.groups = {"g1"}}), sample()));
    EXPECT_FALSE(wants(refusing({.status = {"ACTIVE"}}), sample()));
    EXPECT_FALSE(wants(refusing({.priority = {2}}), sample()));
    EXPECT_TRUE(wants(refusing({.types = {"*"}, .priority = {2}}), Alert{}));
    AlertFilter both = refusing({.devices = {"dev1"}});
    both.types = {"license_*"};
    EXPECT_FALSE(wants(both, sample()));
    EXPECT_EQ(both.mismatch(sample(), "/webhook"), "not devices");
}

TEST(AlertFilter, WhereReadsTheText) {
    Alert alert = sample();
    alert.raw = R"({"data": {"interface": "wan1"}, "priority": 2})";
    AlertFilter filter{.types = {"license_*"}, .where = where("data.interface", "wan*")};
    EXPECT_TRUE(wants(filter, alert));
    EXPECT_EQ(filter.mismatch(alert, "/webhook"), "");
    filter.where = where("data.interface", "lan*");
    EXPECT_FALSE(wants(filter, alert));
    EXPECT_EQ(filter.mismatch(alert, "/webhook"), "where data.interface");
    EXPECT_FALSE(wants({.where = where("absent", "*")}, alert));
}

TEST(AlertFilter, WhatIsUnwantedMayBeNamedByItsPath) {
    Alert alert = sample();
    alert.raw = R"({"data": {"interface": "wan1"}, "priority": 2})";
    Where either = where("data.interface", "lan*");
    ASSERT_TRUE(either.add("priority", {ValuePattern::parse("<= 2").value()}).ok());
    EXPECT_FALSE(wants(refusing({.where = either}), alert));
    EXPECT_EQ(refusing({.where = either}).mismatch(alert, "/webhook"), "not where priority");
    EXPECT_TRUE(wants(refusing({.where = where("absent", "*")}), alert));
    EXPECT_EQ(refusing({.where = where("absent", "*")}).mismatch(alert, "/webhook"), "");
}

TEST(AlertFilter, NamesTheListThatDoesNotMatch) {
    Alert alert;
    alert.type = "reboot";
    alert.status = "active";
    AlertFilter filter{.types = {"re*"}, .status = {"ACTIVE"}};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "");
    filter.priority = {1};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "priority");
    filter.status = {"closed"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "status");
    filter.devices = {"d"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "devices");
    filter.groups = {"g"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "groups");
    filter.orgs = {"o"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "orgs");
    filter.endpoints = {"/x"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "endpoints");
    filter.types = {"sim_*"};
    EXPECT_EQ(filter.mismatch(alert, "/w"), "types");
}

}  // namespace
