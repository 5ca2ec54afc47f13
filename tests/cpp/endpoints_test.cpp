#include "incm/ingest/endpoints.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "incm/base/result.h"

namespace {

using incm::ingest::Endpoint;
using incm::ingest::Endpoints;

/// The configured path of the endpoint that serves a request; "" when there is none.
std::string fetcher(const Endpoints& endpoints, const std::string& path) {
    const auto endpoint = endpoints.find(path);
    return endpoint ? endpoint->path : "";
}

Endpoint strict(const std::string& path) {
    Endpoint endpoint{.path = path, .secrets = {}, .rate = {}};
    endpoint.strict_slash = true;
    return endpoint;
}

TEST(Endpoints, AreFoundByEverySpellingOfTheirPath) {
    const Endpoints endpoints({{"/caf%c3%a9", {}}, {"/~a", {}}});
    for (const char* const path : {"/caf%c3%a9", "/caf%C3%A9", "/%63af%c3%A9", "/caf%c3%a9/"}) {
        EXPECT_EQ(fetcher(endpoints, path), "/caf%c3%a9") << path;
    }
    EXPECT_EQ(fetcher(endpoints, "/%7ea"), "/~a");
    EXPECT_EQ(fetcher(endpoints, "/~A"), "");
    EXPECT_EQ(fetcher(endpoints, "/b/../~a"), "");
}

TEST(Endpoints, ASlashAtTheEndCountsWhenTheEndpointSaysSo) {
    const Endpoints loose({{"/a", {}}, {"/b/", {}}});
    EXPECT_EQ(fetcher(loose, "/a/"), "/a");
    EXPECT_EQ(fetcher(loose, "/b"), "/b/");
    EXPECT_EQ(fetcher(loose, "/a//"), "");
    const Endpoints just({strict("/a"), strict("/b/")});
    EXPECT_EQ(fetcher(just, "/a"), "/a");
    EXPECT_EQ(fetcher(just, "/a/"), "");
    EXPECT_EQ(fetcher(just, "/b"), "");
    const Endpoints both({{"/a", {}}, {"/a/", {}}});
    EXPECT_EQ(fetcher(both, "/a"), "/a");
    EXPECT_EQ(fetcher(both, "/%61/"), "/a/") << "the one that has just this path comes first";
}

TEST(Endpoints, TwoSpellingsOfOnePathAreTwoOfOnePath) {
    const std::vector<Endpoint> twice = {{"/webhook", {}}, {"/%77ebhook", {}}};
    try {
        const Endpoints endpoints(twice);
        FAIL();
    } catch (const incm::base::Failure& failure) {
        EXPECT_STREQ(failure.what(), "two endpoints have the path /webhook, spelled /%77ebhook");
    }
}

}  // namespace
