// The formulas that kernels take, against the clip functions of the same name and against the papers.
#include "clipping/clip_rules.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "clipping/clipping.h"

namespace hushgrad {
namespace {

Attributes attributesWith(const char* name, double value) {
  Attributes attributes;
  attributes.values[name] = {value};
  return attributes;
}

TEST(ClipRules, GiveTheFactorsOfTheClipFunctions) {
  for (const char* name : {"abadi", "autoS", "autoV"}) {
    const auto function = makeClipFunction(name, {});
    for (float norm : {0.0f, 1e-45f, 1e-30f, 1e-3f, 0.5f, 1.0f, 2.5f, 1e10f, 3e38f}) {
      for (double threshold : {1e-6, 1.0, 3e4}) {
        const ClipRule rule = clipRule(name, threshold, {});
        EXPECT_EQ(clipFactor(rule, norm), function->factor(norm, threshold)) << name << " " << norm;
        double square = -1;
        float want = -1, sum = 0;
        clipRowsFused({function.get(), threshold, 1, 1, 1, &square, &want, &sum}, &norm);
        EXPECT_EQ(clipFactorOfSquare(rule, square), want) << name << " " << norm;
      }
    }
  }
}

// PSAC (Xia et al. 2023), NSGD (Yang et al. 2022) and global clipping (Bu et al. 2021, Esipova et al. 2023).
TEST(ClipRules, FollowTheirPapers) {
  EXPECT_DOUBLE_EQ(clipFactor(clipRule("psac", 2, attributesWith("r", 0.1)), 0.4), 2 / (0.4 + 0.1 / (0.4 + 0.1)));
  EXPECT_DOUBLE_EQ(clipFactor(clipRule("nsgd", 2, attributesWith("r", 0.1)), 0.4), 2 / 0.5);
  const ClipRule global = clipRule("global", 2, attributesWith("Z", 8));
  EXPECT_EQ(clipFactor(global, 8), 0.25);
  EXPECT_EQ(clipFactor(global, 0), 0.25);
  EXPECT_EQ(clipFactor(global, 8.001), 0);
}

TEST(ClipRules, LeaveOutWhatHasNoNorm) {
  const double infinity = INFINITY;
  for (double square : {infinity, -infinity, std::nan(""), -1.0}) {
    EXPECT_EQ(clipFactorOfSquare(clipRule("abadi", 1, {}), square), 0) << square;
  }
  ClipRule unknown;
  unknown.kind = static_cast<ClipKind>(99);
  EXPECT_EQ(clipFactorOfSquare(unknown, 1), 0);
}

TEST(ClipRules, RefuseWhatIsImpossible) {
  EXPECT_THROW(clipRule("abadi", 0, {}), std::invalid_argument);
  EXPECT_THROW(clipRule("abadi", INFINITY, {}), std::invalid_argument);
  EXPECT_THROW(clipRule("autoS", 1, attributesWith("gamma", 0)), std::invalid_argument);
  EXPECT_THROW(clipRule("psac", 1, {}), std::invalid_argument);
  try {
    clipRule("median", 1, {});
    FAIL() << "an unknown clip function was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "no clip function is called 'median'; known: abadi, autoS, autoV, psac, nsgd, global");
  }
}

}  // namespace
}  // namespace hushgrad
