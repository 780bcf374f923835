#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "clipping/clipping.h"

namespace hushgrad {
namespace {

constexpr double kMargin = 1 - 0x1p-20;
constexpr float kMost = std::numeric_limits<float>::max();

Attributes gamma(double value) {
  Attributes attributes;
  attributes.values["gamma"] = {value};
  return attributes;
}

float factorOf(const std::string& function, double norm, double threshold, const Attributes& attributes = {}) {
  const double square = norm * norm;
  float factor = -1;
  clipFactors(*makeClipFunction(function, attributes), threshold, 1, &square, &factor);
  return factor;
}

float times(double factor) {
  return static_cast<float>(factor * kMargin);
}

TEST(ClipFactors, AbadiShortensWhatIsTooLong) {
  EXPECT_FLOAT_EQ(factorOf("abadi", 4, 1), times(0.25));
  EXPECT_FLOAT_EQ(factorOf("abadi", 0.5, 1), times(1));
  EXPECT_FLOAT_EQ(factorOf("abadi", 1, 1), times(1));
  EXPECT_FLOAT_EQ(factorOf("abadi", 0, 1), times(1));
  EXPECT_FLOAT_EQ(factorOf("abadi", 10, 3), times(0.3));
}

TEST(ClipFactors, AutoSNormalisesStably) {
  EXPECT_FLOAT_EQ(factorOf("autoS", 0.99, 1), times(1));
  EXPECT_FLOAT_EQ(factorOf("autoS", 0, 1), times(100));
  EXPECT_FLOAT_EQ(factorOf("autoS", 1, 2, gamma(1)), times(1));
}

TEST(ClipFactors, AutoVNormalises) {
  EXPECT_FLOAT_EQ(factorOf("autoV", 0.25, 1), times(4));
  EXPECT_EQ(factorOf("autoV", 0, 1), 0);
  EXPECT_EQ(factorOf("autoV", 1e-45, 1), kMost);
}

TEST(ClipFactors, KeepTheMarginAndRoundTowardZero) {
  for (const char* function : {"abadi", "autoS", "autoV"}) {
    const auto clip = makeClipFunction(function, {});
    for (double norm = 1e-37; norm < 1e43; norm *= 1.37) {
      for (double threshold : {1e-6, 0.3, 1.0, 1e5}) {
        const double square = norm * norm;
        const double exact = clip->factor(std::sqrt(square), threshold) * kMargin;
        float factor = -1;
        clipFactors(*clip, threshold, 1, &square, &factor);
        ASSERT_LE(factor, exact) << function << " " << norm;
        if (exact < kMost) {
          ASSERT_GT(std::nextafter(factor, kMost), exact) << function << " " << norm;
        }
      }
    }
  }
}

TEST(ClipFactors, LeaveOutWhatHasNoNorm) {
  for (const char* function : {"abadi", "autoS", "autoV"}) {
    const double squares[] = {INFINITY, NAN, -1, 4};
    float factors[4] = {9, 9, 9, 9};
    clipFactors(*makeClipFunction(function, {}), 1, 4, squares, factors);
    EXPECT_EQ(factors[0], 0);
    EXPECT_EQ(factors[1], 0);
    EXPECT_EQ(factors[2], 0);
    EXPECT_GT(factors[3], 0.49f);
  }
}

TEST(ClipFunctions, RefuseWhatIsImpossible) {
  EXPECT_THROW(makeClipFunction("autoS", gamma(0)), std::invalid_argument);
  EXPECT_THROW(makeClipFunction("autoS", gamma(NAN)), std::invalid_argument);
  try {
    makeClipFunction("psac", {});
    FAIL() << "an unknown clip function was made";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "no clip function is called 'psac'; known: abadi, autoS, autoV");
  }
}

}  // namespace
}  // namespace hushgrad
