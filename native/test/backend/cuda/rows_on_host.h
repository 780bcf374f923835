// Rows of gradients in any element type, and the CUDA row kernels run on them by the CPU.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "backend/cuda/row_work.h"
#include "test/backend/cuda/host_executor.h"

namespace hushgrad::cuda {

// Zeros from a multiple of 64 bytes on, with room up to the next one and no more: the sanitizers see what lies beyond.
template <class Element>
class Aligned {
 public:
  explicit Aligned(int64_t count) : count(count) {
    const size_t bytes = static_cast<size_t>(quotientUp(count * static_cast<int64_t>(sizeof(Element)), 64) * 64);
    memory.reset(static_cast<Element*>(std::aligned_alloc(64, bytes)));
    std::memset(static_cast<void*>(memory.get()), 0, bytes);
  }
  Element* data() { return memory.get(); }
  const Element* data() const { return memory.get(); }
  Element& operator[](int64_t i) { return memory.get()[i]; }
  const Element& operator[](int64_t i) const { return memory.get()[i]; }
  int64_t size() const { return count; }

 private:
  struct Free {
    void operator()(Element* data) const { std::free(data); }
  };
  int64_t count;
  std::unique_ptr<Element, Free> memory;
};

inline void encode(float value, float& out) {
  out = value;
}
inline void encode(float value, Bfloat16& out) {
  out.bits = static_cast<uint16_t>(bitCast<uint32_t>(value) >> 16);  // toward zero: any value will do for a test
}
inline void encode(float value, Float16& out) {
  const uint32_t sign = bitCast<uint32_t>(value) >> 16 & 0x8000u;
  uint16_t best = 0;  // toward zero, by bisection over the magnitudes: they are in order
  for (int bit = 14; bit >= 0; --bit) {
    const uint16_t next = static_cast<uint16_t>(best | 1u << bit);
    if (next < 0x7c00 && toFloat(Float16{next}) <= std::fabs(value)) best = next;
  }
  if (std::isnan(value)) best = 0x7e00;
  if (std::isinf(value)) best = 0x7c00;
  out.bits = static_cast<uint16_t>(best | sign);
}

// [rows, columns] with rows padded as the border asks; the padding is NaN, so that whatever reads it shows.
template <class Element>
struct Gradients {
  int64_t rows, columns, stride;
  Aligned<Element> data;

  Gradients(int64_t rows, int64_t columns, const std::vector<float>& values)
      : rows(rows), columns(columns), stride(quotientUp(columns, 16) * 16), data(rows * stride) {
    for (int64_t b = 0; b < rows; ++b) {
      for (int64_t c = 0; c < stride; ++c) {
        encode(c < columns ? values[static_cast<size_t>(b * columns + c)] : NAN, data[b * stride + c]);
      }
    }
  }

  // As float32, without the padding; what the mask drops is zero.
  std::vector<float> floats(const uint32_t* mask) const {
    std::vector<float> result;
    for (int64_t b = 0; b < rows; ++b) {
      for (int64_t c = 0; c < columns; ++c) {
        const bool kept = mask == nullptr || (mask[c / 32] >> (c % 32) & 1) != 0;
        result.push_back(kept ? toFloat(data[b * stride + c]) : 0.0f);
      }
    }
    return result;
  }
};

struct Clipped {
  std::vector<double> squaredNorms;
  std::vector<float> factors, sum;
};

// sum starts at `start` in every column.
template <class Element>
Clipped clipOnHost(const Gradients<Element>& gradients, const uint32_t* mask, const ClipRule& rule,
                   const Hardware& hardware, Order order, float start = 0) {
  const RowPlan plan = planRows<Element>(gradients.rows, gradients.columns, gradients.stride, mask, hardware);
  Aligned<double> partials0(plan.partials()), partials1(plan.partials());
  Aligned<float> accumulators(plan.accumulators()), sum(plan.accumulatorStride);
  std::memset(accumulators.data(), 0xff, static_cast<size_t>(accumulators.size()) * sizeof(float));
  for (int64_t c = 0; c < gradients.columns; ++c) sum[c] = start;
  Clipped result{std::vector<double>(static_cast<size_t>(gradients.rows), -1),
                 std::vector<float>(static_cast<size_t>(gradients.rows), -1),
                 {}};
  HostExecutor executor{order};
  clipAndSum(executor, plan, Rows<Element>{gradients.data.data(), gradients.rows}, rule,
             {{partials0.data(), partials1.data()}, accumulators.data()},
             {result.squaredNorms.data(), result.factors.data()}, sum.data());
  result.sum.assign(sum.data(), sum.data() + gradients.columns);
  return result;
}

}  // namespace hushgrad::cuda
