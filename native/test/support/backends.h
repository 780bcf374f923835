// The backends that every layer must work on alike: tests that hold for all of them run once for each.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace hushgrad {

struct NamedBackend {
  std::string name;
  Backend* backend;
};

// How a failing test names it.
inline void PrintTo(const NamedBackend& backend, std::ostream* out) {
  *out << backend.name;
}

const std::vector<NamedBackend>& testBackends();

}  // namespace hushgrad
