// The calls that compute: arguments from the border to bodies on the stream.
#include <type_traits>

#include "backend/cuda/bodies/update.h"
#include "backend/cuda/library/context.h"

namespace hushgrad::cuda {

static void* scratchOf(HushgradCudaContext* context, int64_t bytes) {
  if (bytes <= context->scratchBytes) return context->scratch;
  check(cudaFree(context->scratch), "freeing memory");
  context->scratch = nullptr;
  context->scratchBytes = 0;
  check(cudaMalloc(&context->scratch, static_cast<size_t>(bytes)), "allocating memory");
  context->scratchBytes = bytes;
  return context->scratch;
}

static RowScratch scratchFor(HushgradCudaContext* context, const RowPlan& plan) {
  const int64_t partials = plan.partials();
  const int64_t partialBytes = 2 * quotientUp(partials, 2) * 2 * static_cast<int64_t>(sizeof(double));
  const int64_t bytes = partialBytes + plan.accumulators() * static_cast<int64_t>(sizeof(float));
  char* memory = static_cast<char*>(scratchOf(context, bytes));
  double* first = reinterpret_cast<double*>(memory);
  return {{first, first + quotientUp(partials, 2) * 2}, reinterpret_cast<float*>(memory + partialBytes)};
}

static void refuseMisaligned(const void* data, int64_t stride) {
  const auto address = reinterpret_cast<uintptr_t>(data) | static_cast<uintptr_t>(stride);
  if (address % HUSHGRAD_CUDA_ALIGNMENT != 0) throw std::invalid_argument("rows: not aligned");
}

// work(Element*) with the element type of `rows`.
template <class Work>
static void withElements(const HushgradCudaRows& rows, Work work) {
  refuseMisaligned(rows.data, rows.strideBytes);
  switch (rows.element) {
    case HUSHGRAD_CUDA_FLOAT32:
      return work(static_cast<float*>(rows.data));
    case HUSHGRAD_CUDA_BFLOAT16:
      return work(static_cast<Bfloat16*>(rows.data));
    case HUSHGRAD_CUDA_FLOAT16:
      return work(static_cast<Float16*>(rows.data));
  }
  throw std::invalid_argument("rows: no such element type");
}

template <class Element>
static RowPlan planOf(const HushgradCudaContext* context, const HushgradCudaRows& rows, const Element*) {
  const int64_t stride = rows.strideBytes / static_cast<int64_t>(sizeof(Element));
  return planRows<Element>(rows.rows, rows.columns, stride, rows.mask, context->hardware);
}

int squaredNorms(HushgradCudaContext* context, const HushgradCudaRows* rows, double* result) {
  return answered(context, [=] {
    withElements(*rows, [=](auto* data) {
      using Element = std::remove_pointer_t<decltype(data)>;
      const RowPlan plan = planOf(context, *rows, data);
      StreamExecutor executor{context->stream};
      squaredNorms(executor, plan, Rows<Element>{data, rows->rows}, scratchFor(context, plan), result);
    });
  });
}

int clipAndSum(HushgradCudaContext* context, const HushgradCudaRows* rows, const HushgradCudaClip* clip, float* sum,
               double* norms, float* factors) {
  return answered(context, [=] {
    const ClipRule rule{static_cast<ClipKind>(clip->kind), clip->threshold, clip->parameter};
    withElements(*rows, [=](auto* data) {
      using Element = std::remove_pointer_t<decltype(data)>;
      refuseMisaligned(sum, 0);
      const RowPlan plan = planOf(context, *rows, data);
      StreamExecutor executor{context->stream};
      clipAndSum(executor, plan, Rows<Element>{data, rows->rows}, rule, scratchFor(context, plan),
                 NormOutputs{norms, factors}, sum);
    });
  });
}

int sparsify(HushgradCudaContext* context, const HushgradCudaRows* rows) {
  return answered(context, [=] {
    withElements(*rows, [=](auto* data) {
      const RowPlan plan = planOf(context, *rows, data);
      StreamExecutor executor{context->stream};
      sparsify(executor, plan, data, rows->rows);
    });
  });
}

int privatize(HushgradCudaContext* context, const HushgradCudaUpdate* update) {
  return answered(context, [=] {
    if (update->ruleBytes != static_cast<int64_t>(sizeof(UpdateRule))) {
      throw std::invalid_argument("update: the optimizer's rule has another size");
    }
    if (update->normals == nullptr && update->deviation != 0) {
      throw std::invalid_argument("update: a deviation of the noise, and no noise");
    }
    float* const* state = update->state;
    const Update body{update->count,
                      update->sum,
                      update->normals,
                      update->mask,
                      update->deviation,
                      update->scale,
                      update->parameter,
                      {state[0], state[1], state[2]},
                      *static_cast<const UpdateRule*>(update->rule)};
    if (update->count > 0) StreamExecutor{context->stream}.run(body);
    check(cudaEventRecord(context->privatized, context->stream), "ending the update");
  });
}

}  // namespace hushgrad::cuda
