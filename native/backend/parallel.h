// Work on several threads whose exceptions come out of the call; OpenMP alone ends the process instead.
#pragma once

#include <functional>

namespace hushgrad {

// Runs work(worker) on `threads` workers; an exception in any of them comes out of the call.
void inParallel(int threads, const std::function<void(int)>& work);

}  // namespace hushgrad
