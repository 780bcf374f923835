// The model as TypeScript built it: nodes in topological order, parameters, shapes.
// Plain data; nothing here computes. src/graph/ checks it, so native code may trust it.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace hushgrad {

// Dimensions of one example, without the batch, in PyTorch's order: [features], [T, features] or [C, H, W].
using Shape = std::vector<int64_t>;

inline int64_t elementCount(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

// A layer's settings by name. Scalars are vectors of one number, so that one type crosses the border.
class Attributes {
 public:
  std::map<std::string, std::vector<double>> values;

  const std::vector<double>& list(const std::string& name) const {
    auto found = values.find(name);
    if (found == values.end()) throw std::invalid_argument("attribute '" + name + "' is missing");
    return found->second;
  }
  double number(const std::string& name) const { return at(name, 0); }
  // An absent attribute means its default: PyTorch's, where PyTorch has one.
  double numberOr(const std::string& name, double fallback) const {
    return values.count(name) ? number(name) : fallback;
  }
  int64_t integer(const std::string& name) const { return static_cast<int64_t>(number(name)); }
  int64_t integer(const std::string& name, size_t index) const { return static_cast<int64_t>(at(name, index)); }
  bool flag(const std::string& name) const { return number(name) != 0; }

 private:
  double at(const std::string& name, size_t index) const {
    const std::vector<double>& numbers = list(name);
    if (index < numbers.size()) return numbers[index];
    throw std::invalid_argument("attribute '" + name + "' has " + std::to_string(numbers.size()) +
                                " numbers, more are needed");
  }
};

struct ParameterSpec {
  std::string name;  // PyTorch's: "0.weight"
  Shape shape;       // PyTorch's: [out, in], OIHW
  bool trainable = true;
};

struct NodeSpec {
  std::string kind;             // registered name of the layer: "Linear"
  std::string path;             // where it stands in the model, for messages: "0"
  std::vector<int> inputs;      // values; value 0 is the model's input, value i + 1 is node i's output
  std::vector<int> parameters;  // indices into ModelSpec::parameters; -1 where the layer goes without (no bias)
  Attributes attributes;
  Shape outputShape;
};

struct ModelSpec {
  Shape inputShape;
  std::vector<ParameterSpec> parameters;
  std::vector<NodeSpec> nodes;  // the last node's output goes to the loss
  int64_t views = 1;            // augmented copies that are one example in training: its loss is the mean of theirs
};

}  // namespace hushgrad
