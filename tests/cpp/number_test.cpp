#include "incm/json/number.h"

#include <string>

#include <gtest/gtest.h>

namespace {

using incm::json::compare_numbers;

TEST(CompareNumbers, GoesByTheValueAndNotByTheSpelling) {
    for (const char* one : {"1", "1.0", "1.000", "10e-1", "0.1E1", "0.01e+2", "100e-2"}) {
        EXPECT_TRUE(compare_numbers(one, "1") == 0) << one;
        EXPECT_TRUE(compare_numbers("1", one) == 0) << one;
    }
    for (const char* zero : {"0", "-0", "0.0", "-0.00", "0e5", "0e999999999999999999999"}) {
        EXPECT_TRUE(compare_numbers(zero, "0") == 0) << zero;
    }
}

TEST(CompareNumbers, OrdersNumbersThatNoDoubleDistinguishes) {
    const char* const ascending[] = {"-1e400",
                                     "-9007199254740993",
                                     "-9007199254740992",
                                     "-10",
                                     "-9.5",
                                     "-0.011",
                                     "-0.01",
                                     "-1e-400",
                                     "0",
                                     "1e-400",
                                     "1e-399",
                                     "0.01",
                                     "0.1",
                                     "0.10000000000000000001",
                                     "0.2",
                                     "9",
                                     "9.99",
                                     "10",
                                     "10.01",
                                     "99",
                                     "100",
                                     "9007199254740992",
                                     "9007199254740993",
                                     "18446744073709551616",
                                     "1e400",
                                     "1.1e400",
                                     "1e99999999999999999999"};
    for (const auto* a = std::begin(ascending); a != std::end(ascending); ++a) {
        for (const auto* b = std::begin(ascending); b != std::end(ascending); ++b) {
            EXPECT_TRUE(compare_numbers(*a, *b) == (a <=> b)) << *a << " " << *b;
        }
    }
}

TEST(CompareNumbers, ReadsNumbersOfAnyLength) {
    const std::string long_one = "1" + std::string(100'000, '0');
    EXPECT_TRUE(compare_numbers(long_one, "1e100000") == 0);
    EXPECT_TRUE(compare_numbers(long_one, long_one + "0") < 0);
    EXPECT_TRUE(compare_numbers(long_one + ".001", long_one) > 0);
}

}  // namespace
