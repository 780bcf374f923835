#include "test/support/backends.h"

#include "test/support/reference_backend.h"

namespace hushgrad {

const std::vector<NamedBackend>& testBackends() {
  static ReferenceBackend reference;
  static const std::vector<NamedBackend> backends = {{"reference", &reference}, {"cpu", &cpuBackend()}};
  return backends;
}

}  // namespace hushgrad
