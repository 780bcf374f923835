#include "addon/session_core.h"

namespace hushgrad {

void SessionCore::make() {
  session = std::make_unique<Session>(spec);
  plan = session->plan();
  optimizerSlots = session->optimizerSlots();
  inputElements = session->inputElements();
  outputElements = session->outputElements();
  targetElements = session->targetElements();
  targetKind = session->targetKind();
  for (const ParameterSpec& parameter : spec.model.parameters) {
    parameterElements.push_back(elementCount(parameter.shape));
  }
}

void SessionCore::gather() {
  BatchStatistics latest = session->takeStatistics();
  sinceUpdate.examples += latest.examples;
  sinceUpdate.leftOut += latest.leftOut;
  sinceUpdate.clipped += latest.clipped;
  sinceUpdate.lossSum += latest.lossSum;
  sinceUpdate.normSum += latest.normSum;
}

void SessionCore::clear() {
  session->clear();
  (void)session->takeStatistics();
  sinceUpdate = {};
}

}  // namespace hushgrad
