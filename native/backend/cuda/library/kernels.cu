// The calls that compute, on the context's stream.
#include "backend/cuda/library/calls.h"
#include "backend/cuda/library/context.h"

void* HushgradCudaContext::scratchFor(int64_t bytes) {
  using hushgrad::cuda::check;
  if (bytes <= scratchBytes) return scratch;
  check(cudaFree(scratch), "freeing memory");
  scratch = nullptr;
  scratchBytes = 0;
  check(cudaMalloc(&scratch, static_cast<size_t>(bytes)), "allocating memory");
  scratchBytes = bytes;
  return scratch;
}

hushgrad::cuda::StreamExecutor HushgradCudaContext::executor() const {
  return {stream};
}

namespace hushgrad::cuda {

int squaredNorms(HushgradCudaContext* context, const HushgradCudaRows* rows, double* result) {
  return answered(context, [=] { callSquaredNorms(*context, *rows, result); });
}

int clipAndSum(HushgradCudaContext* context, const HushgradCudaRows* rows, const HushgradCudaClip* clip, float* sum,
               double* norms, float* factors) {
  return answered(context, [=] { callClipAndSum(*context, *rows, *clip, sum, NormOutputs{norms, factors}); });
}

int sparsify(HushgradCudaContext* context, const HushgradCudaRows* rows) {
  return answered(context, [=] { callSparsify(*context, *rows); });
}

int privatize(HushgradCudaContext* context, const HushgradCudaUpdate* update) {
  return answered(context, [=] {
    callPrivatize(*context, *update);
    check(cudaEventRecord(context->privatized, context->stream), "ending the update");
  });
}

}  // namespace hushgrad::cuda
