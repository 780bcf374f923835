// The backends that every layer must work on alike: tests that hold for all of them run once for each.
#pragma once

#include <string>
#include <vector>

#include "backend/backend.h"

namespace hushgrad {

struct NamedBackend {
  std::string name;
  Backend* backend;
};

const std::vector<NamedBackend>& testBackends();

}  // namespace hushgrad
