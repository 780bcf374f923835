#include "session/session_mask.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "session/own_order.h"

namespace hushgrad {

static void setBit(std::vector<uint8_t>& bits, int64_t i) {
  uint8_t& byte = bits[static_cast<size_t>(i / 8)];
  byte = static_cast<uint8_t>(byte | 1 << i % 8);
}

static std::vector<uint8_t> roomFor(int64_t bits) {
  return std::vector<uint8_t>(static_cast<size_t>(bitBytes(bits)));
}

SessionMask::SessionMask(Sparsification what, const Graph& graph, const std::vector<std::unique_ptr<Layer>>& layers,
                         const GradientLayout& layout)
    : what(what), parameters(graph.parameters.size()) {
  for (size_t p = 0; p < parameters.size(); ++p) {
    const GradientLayout::Place& place = layout.parameters[p];
    Parameter& parameter = parameters[p];
    parameter.trained = place.trained;
    parameter.elements = elementCount(graph.parameters[p].shape);
    if (!place.trained) continue;
    trainable += parameter.elements;
    planSlices(graph.parameters[p].shape, parameter);
    if (what != Sparsification::elements && parameter.slices == 0) continue;
    parameter.bits = roomFor(parameter.elements);
    if (!place.ownOrder) continue;
    parameter.ownIndices = ownIndices(*layers[static_cast<size_t>(place.node)], place.slot, parameter.elements);
    parameter.ownBits = roomFor(place.floats);
  }
  if (what == Sparsification::elements) all = roomFor(trainable);
}

void SessionMask::planSlices(const Shape& shape, Parameter& parameter) const {
  const bool vector = shape.size() < 2;
  if (what == Sparsification::elements || (vector && what != Sparsification::rows)) return;
  const int64_t rowFloats = parameter.elements / shape[0];
  parameter.slices = what == Sparsification::rows ? shape[0] : what == Sparsification::columns ? rowFloats : shape[1];
  parameter.inner = what == Sparsification::rows      ? rowFloats
                    : what == Sparsification::columns ? 1
                                                      : rowFloats / shape[1];
  parameter.sliceBits = roomFor(parameter.slices);
  parameter.keptSlices.resize(static_cast<size_t>(parameter.slices));
}

void SessionMask::draw(const MaskDraw& draw) {
  RandomSubset subset(draw);
  if (what == Sparsification::elements) {
    subset.draw(0, trainable, all.data());
    spreadElements();
  } else {
    drawSlices(subset);
  }
  finish();
}

void SessionMask::keepOnly(const uint8_t* kept) {
  if (what != Sparsification::elements) throw std::logic_error("keepOnly: the session drops whole slices");
  std::fill(all.begin(), all.end(), 0);
  for (int64_t i = 0; i < trainable; ++i)
    if (kept[i] != 0) setBit(all, i);
  spreadElements();
  finish();
}

void SessionMask::finish() {
  for (Parameter& parameter : parameters) {
    parameter.drops = parameter.kept >= 0 && parameter.kept < parameter.elements;
    if (parameter.drops && !parameter.ownBits.empty()) bringIntoOwnOrder(parameter);
  }
}

// From the bits of all coordinates to each parameter's.
void SessionMask::spreadElements() {
  int64_t next = 0;
  for (Parameter& parameter : parameters) {
    if (!parameter.trained) continue;
    std::fill(parameter.bits.begin(), parameter.bits.end(), 0);
    parameter.kept = 0;
    for (int64_t i = 0; i < parameter.elements; ++i, ++next) {
      if (!bitAt(all.data(), next)) continue;
      setBit(parameter.bits, i);
      ++parameter.kept;
    }
  }
}

void SessionMask::drawSlices(RandomSubset& subset) {
  uint64_t word = 0;
  for (Parameter& parameter : parameters) {
    if (parameter.slices == 0) continue;
    const int64_t kept = subset.draw(word, parameter.slices, parameter.sliceBits.data());
    word += static_cast<uint64_t>(parameter.slices + parameter.slices % 2);
    parameter.kept = kept * (parameter.elements / parameter.slices);
    size_t next = 0;
    for (int64_t s = 0; s < parameter.slices; ++s)
      if (bitAt(parameter.sliceBits.data(), s)) parameter.keptSlices[next++] = static_cast<int32_t>(s);
    parameter.view = {parameter.sliceBits.data(), parameter.keptSlices.data(), kept};
    expandSlices(parameter);
  }
}

void SessionMask::expandSlices(Parameter& parameter) {
  std::fill(parameter.bits.begin(), parameter.bits.end(), 0);
  for (int64_t first = 0; first < parameter.elements; first += parameter.inner) {
    if (!bitAt(parameter.sliceBits.data(), first / parameter.inner % parameter.slices)) continue;
    for (int64_t i = first; i < first + parameter.inner; ++i) setBit(parameter.bits, i);
  }
}

void SessionMask::bringIntoOwnOrder(Parameter& parameter) {
  std::fill(parameter.ownBits.begin(), parameter.ownBits.end(), 0);
  for (int64_t i = 0; i < parameter.elements; ++i)
    if (bitAt(parameter.bits.data(), i)) setBit(parameter.ownBits, parameter.ownIndices[static_cast<size_t>(i)]);
}

SlotMask SessionMask::slot(size_t index) const {
  const Parameter& parameter = parameters[index];
  if (!parameter.drops) return {};
  SlotMask mask;
  mask.bits = parameter.ownBits.empty() ? parameter.bits.data() : parameter.ownBits.data();
  const bool vector = parameter.slices == parameter.elements;
  if (what == Sparsification::rows && !vector) mask.rows = &parameter.view;
  if ((what == Sparsification::columns || what == Sparsification::channels) && parameter.inner == 1)
    mask.columns = &parameter.view;
  return mask;
}

void SessionMask::zeroDropped(size_t index, float* values) const {
  const Parameter& parameter = parameters[index];
  for (int64_t i = 0; parameter.drops && i < parameter.elements; ++i)
    if (!bitAt(parameter.bits.data(), i)) values[i] = 0;
}

int64_t SessionMask::bytes() const {
  size_t bytes = all.size();
  for (const Parameter& parameter : parameters) {
    bytes += parameter.bits.size() + parameter.ownBits.size() + parameter.sliceBits.size();
    bytes += sizeof(uint32_t) * (parameter.ownIndices.size() + parameter.keptSlices.size());
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace hushgrad
