// What the event loop and the work thread share of one session.
#pragma once

#include <memory>
#include <vector>

#include "addon/staging.h"
#include "session/session.h"

namespace hushgrad {

struct SessionCore {
  SessionSpec spec;
  // Made and freed on the work thread; the event loop touches it only while that thread is idle.
  std::unique_ptr<Session> session;
  // Fixed once the session is made, so that they can be read at any time.
  SessionPlan plan;
  int optimizerSlots = 0;
  int noiseBuffers = 0;
  int64_t noiseMemoryFloats = 0;
  int64_t inputElements = 0, outputElements = 0, targetElements = 0;
  TargetKind targetKind = TargetKind::classes;
  std::vector<int64_t> parameterElements;

  BatchStatistics sinceUpdate;  // for the work thread alone
  StagingPool staging;          // for the event loop alone

  explicit SessionCore(SessionSpec spec) : spec(std::move(spec)) {}
  void make();
  void gather();  // adds the session's latest statistics to sinceUpdate
  void clear();   // forgets sums and statistics
  int64_t trainableElements() const;
  bool trainable(size_t parameter) const { return spec.clipping.groupOfParameter[parameter] >= 0; }
};

}  // namespace hushgrad
