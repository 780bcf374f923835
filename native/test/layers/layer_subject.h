// Every layer on every backend, as the parameter of a test.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "test/layers/layer_case.h"
#include "test/support/backends.h"

namespace hushgrad {

struct LayerSubject {
  NamedBackend backend;
  const LayerCase* layer;
};

inline void PrintTo(const LayerSubject& subject, std::ostream* out) {
  *out << subject.layer->name << " on " << subject.backend.name;
}

inline std::vector<LayerSubject> layerSubjects() {
  std::vector<LayerSubject> all;
  for (const NamedBackend& backend : testBackends())
    for (const LayerCase& layer : layerCases()) all.push_back({backend, &layer});
  return all;
}

inline std::string layerSubjectName(const testing::TestParamInfo<LayerSubject>& info) {
  return info.param.layer->name + "_" + info.param.backend.name;
}

}  // namespace hushgrad
