// Parameter slots shared by all layers with parameters: weight is slot 0, bias slot 1.
#pragma once

#include "layers/layer.h"

namespace hushgrad {

constexpr size_t kWeight = 0;
constexpr size_t kBias = 1;

inline bool hasSlot(const NodeSpec& node, size_t slot) {
  return slot < node.parameters.size() && node.parameters[slot] >= 0;
}

// Slots of a layer that was built without a bias: absent ones read as null, whatever the engine passes for them.
class Slots {
 public:
  explicit Slots(const NodeSpec& node) : weight(hasSlot(node, kWeight)), bias(hasSlot(node, kBias)) {}

  bool has(size_t slot) const { return slot == kWeight ? weight : slot == kBias && bias; }

  // The entry of a list by slot, null where the layer goes without. A null list is a list of nulls.
  template <class T>
  T* of(T* const* list, size_t slot) const {
    return list != nullptr && has(slot) ? list[slot] : nullptr;
  }
  const float* parameter(const Tape& tape, size_t slot) const { return of(tape.parameters.data(), slot); }
  SlotMask mask(const Tape& tape, size_t slot) const { return tape.masks.empty() ? SlotMask{} : tape.masks[slot]; }

 private:
  bool weight, bias;
};

}  // namespace hushgrad
