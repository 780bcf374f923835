#include "addon/session_core.h"

namespace hushgrad {

void SessionCore::make() {
  session = std::make_unique<Session>(spec);
  plan = session->plan();
  optimizerSlots = session->optimizerSlots();
  noiseBuffers = session->noiseBuffers();
  noiseMemoryFloats = session->noiseMemoryFloats();
  inputElements = session->inputElements();
  outputElements = session->outputElements();
  targetElements = session->targetElements();
  targetKind = session->targetKind();
  for (const ParameterSpec& parameter : spec.model.parameters) {
    parameterElements.push_back(elementCount(parameter.shape));
  }
}

int64_t SessionCore::trainableElements() const {
  int64_t count = 0;
  for (size_t p = 0; p < parameterElements.size(); ++p) count += trainable(p) ? parameterElements[p] : 0;
  return count;
}

void SessionCore::gather() {
  sinceUpdate.add(session->takeStatistics());
}

void SessionCore::clear() {
  session->clear();
  (void)session->takeStatistics();
  sinceUpdate = {};
}

}  // namespace hushgrad
