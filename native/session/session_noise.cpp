// The memory of correlated noise: taken out, put back, made anew.
#include <stdexcept>

#include "session/session_impl.h"

namespace hushgrad {

float* Session::Impl::noiseMemory(int buffer) {
  if (!correlation || buffer < 0 || buffer >= correlation->buffers())
    throw std::out_of_range("no buffer of correlated noise has number " + std::to_string(buffer));
  return correlation->buffer(buffer);
}

void Session::Impl::replayNoise(int64_t steps) {
  if (!correlation) throw std::logic_error("replayNoise: the session's noise is not correlated");
  correlation->forget();
  for (int64_t step = 1; step <= steps; ++step) {
    forEachTask([&](const UpdateTask& task, int worker) {
      PrivatizeRange range{};
      range.count = task.count;
      range.noise = &noise;
      range.noiseStream = static_cast<uint64_t>(step);
      range.noiseFirst = task.noiseFirst;
      range.correlation = correlation.get();
      range.worker = worker;
      redrawNoise(range);
    });
    correlation->endStep();
  }
}

}  // namespace hushgrad
