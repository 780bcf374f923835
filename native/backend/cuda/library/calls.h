// The calls that compute, from the border's arguments to bodies: written over a context, so that the tests' stand-in
// for the library runs them on the CPU. A Context has `hardware`, executor(), and scratchFor(bytes), memory that stays
// until the next call.
#pragma once

#include <stdexcept>
#include <type_traits>

#include "backend/cuda/bodies/update.h"
#include "backend/cuda/cuda_api.h"
#include "backend/cuda/row_work.h"

namespace hushgrad::cuda {

template <class Context>
RowScratch scratchFor(Context& context, const RowPlan& plan) {
  const int64_t partials = quotientUp(plan.partials(), 2) * 2;  // sixteen bytes: the accumulators are read in packs
  const int64_t partialBytes = 2 * partials * static_cast<int64_t>(sizeof(double));
  const int64_t bytes = partialBytes + plan.accumulators() * static_cast<int64_t>(sizeof(float));
  char* memory = static_cast<char*>(context.scratchFor(bytes));
  double* first = reinterpret_cast<double*>(memory);
  return {{first, first + partials}, reinterpret_cast<float*>(memory + partialBytes)};
}

inline void refuseMisaligned(const void* data, int64_t stride) {
  const auto address = reinterpret_cast<uintptr_t>(data) | static_cast<uintptr_t>(stride);
  if (address % HUSHGRAD_CUDA_ALIGNMENT != 0) throw std::invalid_argument("rows: not aligned");
}

// work(Element*) with the element type of `rows`.
template <class Work>
void withElements(const HushgradCudaRows& rows, Work work) {
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
RowPlan planOf(const Hardware& hardware, const HushgradCudaRows& rows, const Element*) {
  const int64_t stride = rows.strideBytes / static_cast<int64_t>(sizeof(Element));
  return planRows<Element>(rows.rows, rows.columns, stride, rows.mask, hardware);
}

template <class Context>
void callSquaredNorms(Context& context, const HushgradCudaRows& rows, double* result) {
  withElements(rows, [&](auto* data) {
    using Element = std::remove_pointer_t<decltype(data)>;
    const RowPlan plan = planOf(context.hardware, rows, data);
    auto executor = context.executor();
    squaredNorms(executor, plan, Rows<Element>{data, rows.rows}, scratchFor(context, plan), result);
  });
}

template <class Context>
void callClipAndSum(Context& context, const HushgradCudaRows& rows, const HushgradCudaClip& clip, float* sum,
                    const NormOutputs& outputs) {
  const ClipRule rule{static_cast<ClipKind>(clip.kind), clip.threshold, clip.parameter};
  refuseMisaligned(sum, 0);
  withElements(rows, [&](auto* data) {
    using Element = std::remove_pointer_t<decltype(data)>;
    const RowPlan plan = planOf(context.hardware, rows, data);
    auto executor = context.executor();
    clipAndSum(executor, plan, Rows<Element>{data, rows.rows}, rule, scratchFor(context, plan), outputs, sum);
  });
}

template <class Context>
void callSparsify(Context& context, const HushgradCudaRows& rows) {
  withElements(rows, [&](auto* data) {
    const RowPlan plan = planOf(context.hardware, rows, data);
    auto executor = context.executor();
    sparsify(executor, plan, data, rows.rows);
  });
}

template <class Context>
void callPrivatize(Context& context, const HushgradCudaUpdate& update) {
  if (update.ruleBytes != static_cast<int64_t>(sizeof(UpdateRule))) {
    throw std::invalid_argument("update: the optimizer's rule has another size");
  }
  if (update.normals == nullptr && update.deviation != 0) {
    throw std::invalid_argument("update: a deviation of the noise, and no noise");
  }
  float* const* state = update.state;
  const Update body{update.count,
                    update.sum,
                    update.normals,
                    update.mask,
                    update.deviation,
                    update.scale,
                    update.parameter,
                    {state[0], state[1], state[2]},
                    *static_cast<const UpdateRule*>(update.rule)};
  if (update.count > 0) context.executor().run(body);
}

}  // namespace hushgrad::cuda
