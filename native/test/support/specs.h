// Graph nodes as TypeScript would send them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clipping/strategy.h"
#include "graph/spec.h"

namespace hushgrad {

inline const Strategy kPrivate[] = {Strategy::naive,    Strategy::materialize, Strategy::fused,
                                    Strategy::reweight, Strategy::ghost,       Strategy::autoSelect};

inline NodeSpec node(const std::string& kind, int input, const Shape& output, std::vector<int> parameters = {},
                     std::map<std::string, std::vector<double>> attributes = {}) {
  NodeSpec spec;
  spec.kind = kind;
  spec.path = std::to_string(input);
  spec.inputs = {input};
  spec.parameters = std::move(parameters);
  spec.attributes.values = std::move(attributes);
  spec.outputShape = output;
  return spec;
}

}  // namespace hushgrad
