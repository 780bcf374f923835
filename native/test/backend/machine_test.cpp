// What the machine says about itself is plausible, and the same at every call.
#include "backend/cpu/machine.h"

#include <gtest/gtest.h>

namespace hushgrad {
namespace {

TEST(Machine, SaysWhatThePlanNeeds) {
  const Machine& seen = machine();
  EXPECT_TRUE(seen.supported);
  EXPECT_FALSE(seen.cpuFeatures.empty());
  EXPECT_GE(seen.cores, 1);
  EXPECT_GE(seen.l1Bytes, 8 * 1024);
  EXPECT_GT(seen.l2Bytes, seen.l1Bytes);
  EXPECT_GE(seen.l3Bytes, 0);
  EXPECT_GT(seen.memoryBytes, int64_t{64} << 20);
  for (const char* name : {"oneDNN", "Highway", "OpenSSL", "OpenMP"}) EXPECT_FALSE(seen.libraries.at(name).empty());
  EXPECT_EQ(&seen, &machine());
}

}  // namespace
}  // namespace hushgrad
