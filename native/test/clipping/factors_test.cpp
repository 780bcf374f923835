#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "clipping/clipping.h"

namespace hushgrad {
namespace {

constexpr double kMargin = 1 - 0x1p-20;
constexpr float kMost = std::numeric_limits<float>::max();

Attributes with(const std::string& name, double value) {
  Attributes attributes;
  attributes.values[name] = {value};
  return attributes;
}

// Every clip function, with parameters that it takes.
struct Case {
  const char* function;
  Attributes attributes;
};
const Case kCases[] = {{"abadi", {}},
                       {"autoS", {}},
                       {"autoV", {}},
                       {"psac", with("r", 0.1)},
                       {"psac", with("r", 1e-12)},
                       {"nsgd", with("r", 0.01)},
                       {"global", with("Z", 3)}};

float factorOf(const std::string& function, double norm, double threshold, const Attributes& attributes = {}) {
  const double square = norm * norm;
  float factor = -1;
  clipFactors(*makeClipFunction(function, attributes), threshold, 1, &square, nullptr, &factor);
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
  EXPECT_FLOAT_EQ(factorOf("autoS", 1, 2, with("gamma", 1)), times(1));
}

TEST(ClipFactors, AutoVNormalises) {
  EXPECT_FLOAT_EQ(factorOf("autoV", 0.25, 1), times(4));
  EXPECT_EQ(factorOf("autoV", 0, 1), 0);
  EXPECT_EQ(factorOf("autoV", 1e-45, 1), kMost);
}

TEST(ClipFactors, PsacIsNotMonotonic) {
  EXPECT_FLOAT_EQ(factorOf("psac", 0, 1, with("r", 0.1)), times(1));
  EXPECT_FLOAT_EQ(factorOf("psac", 0.1, 1, with("r", 0.1)), times(1 / 0.6));
  EXPECT_FLOAT_EQ(factorOf("psac", 99.9, 2, with("r", 0.1)), times(2 / 99.901));
}

TEST(ClipFactors, NsgdNormalisesByARegularisedNorm) {
  EXPECT_FLOAT_EQ(factorOf("nsgd", 0, 1, with("r", 0.25)), times(4));
  EXPECT_FLOAT_EQ(factorOf("nsgd", 3, 2, with("r", 1)), times(0.5));
}

TEST(ClipFactors, GlobalScalesAllThatIsShortEnoughAlike) {
  EXPECT_FLOAT_EQ(factorOf("global", 0, 1, with("Z", 4)), times(0.25));
  EXPECT_FLOAT_EQ(factorOf("global", 4, 1, with("Z", 4)), times(0.25));
  EXPECT_EQ(factorOf("global", 4.001, 1, with("Z", 4)), 0);
}

TEST(ClipFactors, NormTimesFactorIsAtMostC) {
  for (const auto& [function, attributes] : kCases) {
    const auto clip = makeClipFunction(function, attributes);
    for (double norm = 1e-300; norm < 1e300; norm *= 1.7)
      for (double threshold : {1e-6, 0.3, 1.0, 1e5})
        ASSERT_LE(norm * clip->factor(norm, threshold), threshold * (1 + 1e-15)) << function << " " << norm;
  }
}

TEST(ClipFactors, WeightsComeAfterClipping) {
  const double squares[] = {16, 16, 16, INFINITY};
  const float weights[] = {0, 0.5f, 3, 2};
  float factors[4] = {9, 9, 9, 9};
  clipFactors(*makeClipFunction("abadi", {}), 1, 4, squares, weights, factors);
  EXPECT_EQ(factors[0], 0);
  EXPECT_FLOAT_EQ(factors[1], times(0.125));
  EXPECT_FLOAT_EQ(factors[2], times(0.75));
  EXPECT_EQ(factors[3], 0);
}

TEST(ClipFactors, KeepTheMarginAndRoundTowardZero) {
  for (const auto& [function, attributes] : kCases) {
    const auto clip = makeClipFunction(function, attributes);
    for (double norm = 1e-37; norm < 1e43; norm *= 1.37) {
      for (double threshold : {1e-6, 0.3, 1.0, 1e5}) {
        const double square = norm * norm;
        const double exact = clip->factor(std::sqrt(square), threshold) * kMargin;
        float factor = -1;
        clipFactors(*clip, threshold, 1, &square, nullptr, &factor);
        ASSERT_LE(factor, exact) << function << " " << norm;
        if (exact < kMost) {
          ASSERT_GT(std::nextafter(factor, kMost), exact) << function << " " << norm;
        }
      }
    }
  }
}

TEST(ClipFactors, LeaveOutWhatHasNoNorm) {
  for (const auto& [function, attributes] : kCases) {
    const double squares[] = {INFINITY, NAN, -1, 4};
    float factors[4] = {9, 9, 9, 9};
    clipFactors(*makeClipFunction(function, attributes), 1, 4, squares, nullptr, factors);
    EXPECT_EQ(factors[0], 0);
    EXPECT_EQ(factors[1], 0);
    EXPECT_EQ(factors[2], 0);
    EXPECT_GT(factors[3], 0.3f);
  }
}

TEST(ClipFunctions, RefuseWhatIsImpossible) {
  EXPECT_THROW(makeClipFunction("autoS", with("gamma", 0)), std::invalid_argument);
  EXPECT_THROW(makeClipFunction("autoS", with("gamma", NAN)), std::invalid_argument);
  EXPECT_THROW(makeClipFunction("psac", {}), std::invalid_argument);
  EXPECT_THROW(makeClipFunction("nsgd", with("r", -1)), std::invalid_argument);
  EXPECT_THROW(makeClipFunction("global", with("Z", INFINITY)), std::invalid_argument);
  try {
    makeClipFunction("clip", {});
    FAIL() << "an unknown clip function was made";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "no clip function is called 'clip'; known: abadi, autoS, autoV, global, nsgd, psac");
  }
}

}  // namespace
}  // namespace hushgrad
