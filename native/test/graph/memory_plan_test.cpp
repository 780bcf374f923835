// Buffers that are alive at the same time never overlap, and sharing really happens.
#include "graph/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace hushgrad {
namespace {

struct Interval {
  int first, last;
};

TEST(MemoryPlan, BuffersAliveTogetherDoNotOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    MemoryPlan plan;
    std::vector<Interval> alive;
    for (int i = 0; i < 30; ++i) {
      int first = static_cast<int>(random() % 40);
      int last = first + static_cast<int>(random() % 10);
      plan.addRows(1 + static_cast<int64_t>(random() % 8), 1 + static_cast<int64_t>(random() % 300), first, last);
      alive.push_back({first, last});
    }
    int64_t total = plan.place();
    for (int a = 0; a < 30; ++a) {
      EXPECT_LE(plan.offset(a) + plan.floats(a), total);
      EXPECT_EQ(plan.offset(a) % 16, 0);
      for (int b = 0; b < a; ++b) {
        bool together = alive[a].first <= alive[b].last && alive[b].first <= alive[a].last;
        bool apart =
            plan.offset(a) + plan.floats(a) <= plan.offset(b) || plan.offset(b) + plan.floats(b) <= plan.offset(a);
        EXPECT_TRUE(!together || apart) << "buffers " << a << " and " << b;
      }
    }
  }
}

TEST(MemoryPlan, BuffersOfDifferentTimesShareOnePlace) {
  MemoryPlan plan;
  plan.addRows(4, 100, 0, 1);
  plan.addRows(4, 100, 2, 3);
  plan.addRows(4, 50, 4, 4);
  EXPECT_EQ(plan.place(), 400);
}

TEST(MemoryPlan, KeepingABufferLongerParts) {
  MemoryPlan plan;
  int first = plan.addRows(4, 100, 0, 1);
  plan.addRows(4, 100, 2, 3);
  plan.keepUntil(first, 2);
  EXPECT_EQ(plan.place(), 800);
}

TEST(MemoryPlan, OnlyRowsAreListedAsAlive) {
  MemoryPlan plan;
  int rows = plan.addRows(1, 10, 0, 5);
  plan.addBlock(10, 0, 5);
  EXPECT_EQ(plan.aliveAt(3), std::vector<int>{rows});
  EXPECT_TRUE(plan.aliveAt(6).empty());
}

}  // namespace
}  // namespace hushgrad
