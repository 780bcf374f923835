// While it lives, OpenMP work that the calling thread starts runs on that thread alone.
//
// Workers own examples, so a primitive must not fan out. Inside a parallel region oneDNN stays on its thread by
// itself, but a region of one thread does not count as one (omp_in_parallel() is false there).
#pragma once

#include <omp.h>

namespace hushgrad::cpu {

class OneThread {
 public:
  OneThread() : before(omp_get_max_threads()) {
    if (before != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before != 1) omp_set_num_threads(before);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before;
};

}  // namespace hushgrad::cpu
