#include "backend/parallel.h"

#include <exception>
#include <mutex>

namespace hushgrad {

void inParallel(int threads, const std::function<void(int)>& work) {
  std::exception_ptr failure;
  std::mutex guard;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int worker = 0; worker < threads; ++worker) {
    try {
      work(worker);
    } catch (...) {
      std::lock_guard<std::mutex> lock(guard);
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace hushgrad
