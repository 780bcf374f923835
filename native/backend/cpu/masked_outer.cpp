// Squared norms Σ_ij m_ij e_i² a_j² of masked outer products, by the method of four Russians: for every group of kGroup
// inputs a table of all subset sums of their a_j², so that a row of the mask costs one addition a group instead of one
// a coordinate. An element of a table is a vector over examples. The cost is the same whatever the mask.
//
// Squares are float32, of a and e scaled by powers of two to magnitudes below 1, so that none overflows. A term passes
// through at most 19 roundings: 1 of a_j², kGroup − 1 of the table, kRun − 1 of the run, 1 of e_i², 1 of the product,
// kRows − 1 of the sum of rows; from there on sums are float64. All terms are ≥ 0, so that the relative error is below
// 19 · 2⁻²⁴, and the result is lifted by 20 · 2⁻²⁴: a norm is never told too small. Where underflow may have taken more
// than 2⁻²⁴ of the result (records made for it), the example is computed again in float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/masked_outer.cpp"
#include "backend/cpu/targets.h"
// clang-format off: foreach_target.h comes first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/cpu/kernels.h"

#ifndef HUSHGRAD_MASKED_OUTER
#define HUSHGRAD_MASKED_OUTER
namespace hushgrad::cpu {

constexpr int kGroup = 6;            // inputs a table
constexpr int kTable = 1 << kGroup;  // its elements
constexpr int kRun = 9;              // tables whose sums are added in float32: 54 bits of the mask at a time
constexpr int kRunInputs = kRun * kGroup;
constexpr int kRows = 4;               // rows of the mask whose products are added in float32
constexpr int64_t kMostExamples = 64;  // at a time

// One block of examples; [width] is a vector over them, `width` of them whether there are as many or not.
struct OuterBlock {
  int64_t outputs, inputs, width;
  const uint8_t* mask;
  float* inputSquares;   // [kRunInputs][width] of the run's inputs
  float* outputSquares;  // [outputs][width]
  float* tables;         // [kRun][kTable][width]
  double* totals;        // [width]
};

}  // namespace hushgrad::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Doubles = hn::CappedTag<double, 8>;
using HalfFloats = hn::Rebind<float, Doubles>;  // as many floats as a vector holds doubles

int64_t outerLanes() {
  return static_cast<int64_t>(hn::Lanes(Floats()));
}

// Each subset's sum is that of the subset without its highest input, and that input.
void fillTables(const OuterBlock& block) {
  const Floats d;
  const int64_t lanes = outerLanes(), width = block.width;
  for (int t = 0; t < kRun; ++t) {
    float* table = block.tables + t * kTable * width;
    const float* squares = block.inputSquares + t * kGroup * width;
    for (int64_t w = 0; w < width; w += lanes) hn::StoreU(hn::Zero(d), d, table + w);
    for (int bit = 0; bit < kGroup; ++bit) {
      for (int subset = 0; subset < 1 << bit; ++subset) {
        const float* without = table + subset * width;
        float* with = table + ((1 << bit) + subset) * width;
        for (int64_t w = 0; w < width; w += lanes)
          hn::StoreU(hn::Add(hn::LoadU(d, without + w), hn::LoadU(d, squares + bit * width + w)), d, with + w);
      }
    }
  }
}

// The mask's bits of one row and the run's inputs.
HWY_INLINE uint64_t rowBits(const OuterBlock& block, int64_t row, int64_t firstInput, uint64_t valid) {
  const int64_t at = row * block.inputs + firstInput;
  uint64_t word;
  std::memcpy(&word, block.mask + at / 8, sizeof word);
  return word >> (at % 8) & valid;
}

template <int kVectors>
HWY_INLINE void addRun(const OuterBlock& block, int64_t firstInput, uint64_t valid) {
  const Floats d;
  const Doubles dd;
  const HalfFloats half;
  const int64_t lanes = outerLanes(), width = kVectors * lanes;
  for (int64_t first = 0; first < block.outputs; first += kRows) {
    hn::Vec<Floats> products[kVectors];
    for (int v = 0; v < kVectors; ++v) products[v] = hn::Zero(d);
    const int64_t end = std::min(first + kRows, block.outputs);
    for (int64_t row = first; row < end; ++row) {
      uint64_t bits = rowBits(block, row, firstInput, valid);
      hn::Vec<Floats> sums[kVectors];
      for (int v = 0; v < kVectors; ++v) sums[v] = hn::Zero(d);
      const float* table = block.tables;
      for (int t = 0; t < kRun; ++t, bits >>= kGroup, table += kTable * width) {
        const float* element = table + static_cast<int64_t>(bits % kTable) * width;
        for (int v = 0; v < kVectors; ++v) sums[v] = hn::Add(sums[v], hn::LoadU(d, element + v * lanes));
      }
      const float* squares = block.outputSquares + row * width;
      for (int v = 0; v < kVectors; ++v)
        products[v] = hn::Add(products[v], hn::Mul(sums[v], hn::LoadU(d, squares + v * lanes)));
    }
    alignas(64) float together[kMostExamples];
    for (int v = 0; v < kVectors; ++v) hn::StoreU(products[v], d, together + v * lanes);
    for (int64_t w = 0; w < width; w += static_cast<int64_t>(hn::Lanes(dd))) {
      const auto part = hn::PromoteTo(dd, hn::LoadU(half, together + w));
      hn::StoreU(hn::Add(hn::LoadU(dd, block.totals + w), part), dd, block.totals + w);
    }
  }
}

void addRunVector(const OuterBlock& block, int64_t firstInput) {
  fillTables(block);
  const int64_t inputs = std::min<int64_t>(kRunInputs, block.inputs - firstInput);
  const uint64_t valid = (uint64_t{1} << inputs) - 1;  // what comes after them belongs to the next row
  switch (block.width / outerLanes()) {
    case 1:
      return addRun<1>(block, firstInput, valid);
    case 2:
      return addRun<2>(block, firstInput, valid);
    case 4:
      return addRun<4>(block, firstInput, valid);
  }
}

}  // namespace
}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hushgrad::cpu {
namespace {
HWY_EXPORT(outerLanes);
HWY_EXPORT(addRunVector);

// scale·largest is in [½, 1).
struct Scale {
  double factor = 0;
  int exponent = 0;
  bool finite = true;
};

// Magnitudes of floats are in the order of their bits, and those from infinity's on are not finite: compared as
// integers, they go through vectors.
Scale scaleOf(int64_t count, const float* x) {
  constexpr int32_t kInfinity = 0x7f800000;
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  Scale scale;
  scale.finite = largest < kInfinity;
  if (largest == 0 || !scale.finite) return scale;
  float magnitude;
  std::memcpy(&magnitude, &largest, sizeof magnitude);
  std::frexp(magnitude, &scale.exponent);
  scale.factor = std::ldexp(1.0, -scale.exponent);
  return scale;
}

// squares[i · width] = (scale · x[i])²
void writeSquares(const Scale& scale, int64_t count, const float* x, float* squares, int64_t width) {
  for (int64_t i = 0; i < count; ++i) {
    const float scaled = static_cast<float>(scale.factor * x[i]);
    squares[i * width] = scaled * scaled;
  }
}

double exactNorm(const Backend::MaskedOuter& outer, int64_t b) {
  const float* a = outer.a + b * outer.inputs;
  double total = 0;
  for (int64_t i = 0; i < outer.outputs; ++i) {
    const double e = outer.e[b * outer.outputs + i];
    if (e == 0) continue;
    double row = 0;
    for (int64_t j = 0; j < outer.inputs; ++j) {
      const int64_t at = i * outer.inputs + j;
      if (outer.mask[at / 8] >> (at % 8) & 1) row += static_cast<double>(a[j]) * a[j];
    }
    total += row * e * e;
  }
  return total;
}

// The scaled sum stands in units of the scales. Underflow takes at most 2⁻¹²⁶ in each of an element's square, its share
// of tables, runs and products, and its product with e_i².
double normOf(const Backend::MaskedOuter& outer, int64_t b, const Scale& a, const Scale& e, double total) {
  if (!a.finite || !e.finite) return std::numeric_limits<double>::quiet_NaN();
  if (a.factor == 0 || e.factor == 0) return 0;
  const double lost = 8 * 0x1p-126 * static_cast<double>(outer.outputs) * static_cast<double>(outer.inputs);
  if (total < 0x1p24 * lost) return exactNorm(outer, b);
  return std::ldexp(total * (1 + 20 * 0x1p-24), 2 * (a.exponent + e.exponent));
}

// Whole vectors of examples: 1, 2 or 4 of them.
int64_t widthFor(int64_t examples) {
  const int64_t lanes = HWY_DYNAMIC_DISPATCH(outerLanes)();
  return examples <= lanes ? lanes : examples <= 2 * lanes ? 2 * lanes : 4 * lanes;
}

void addBlock(const Backend::MaskedOuter& outer, int64_t first, int64_t examples, float* scratch, double* sums) {
  Scale a[kMostExamples], e[kMostExamples];
  double totals[kMostExamples] = {};
  OuterBlock block;
  block.outputs = outer.outputs;
  block.inputs = outer.inputs;
  block.width = widthFor(examples);
  block.mask = outer.mask;
  block.tables = scratch;
  block.inputSquares = block.tables + kRun * kTable * kMostExamples;
  block.outputSquares = block.inputSquares + kRunInputs * kMostExamples;
  block.totals = totals;
  std::fill_n(block.inputSquares, kRunInputs * block.width, 0.0f);
  std::fill_n(block.outputSquares, outer.outputs * block.width, 0.0f);
  for (int64_t b = 0; b < examples; ++b) {
    const float* output = outer.e + (first + b) * outer.outputs;
    a[b] = scaleOf(outer.inputs, outer.a + (first + b) * outer.inputs);
    e[b] = scaleOf(outer.outputs, output);
    if (e[b].factor != 0) writeSquares(e[b], outer.outputs, output, block.outputSquares + b, block.width);
  }
  for (int64_t input = 0; input < outer.inputs; input += kRunInputs) {
    const int64_t count = std::min<int64_t>(kRunInputs, outer.inputs - input);
    for (int64_t b = 0; b < examples; ++b) {
      if (a[b].factor == 0) continue;
      writeSquares(a[b], count, outer.a + (first + b) * outer.inputs + input, block.inputSquares + b, block.width);
    }
    HWY_DYNAMIC_DISPATCH(addRunVector)(block, input);
  }
  for (int64_t b = 0; b < examples; ++b) sums[first + b] += normOf(outer, first + b, a[b], e[b], totals[b]);
}

}  // namespace

int64_t maskedOuterFloats(int64_t outputs) {
  return kMostExamples * (kRun * kTable + kRunInputs + outputs);
}

void addMaskedOuterNorms(const Backend::MaskedOuter& outer, float* scratch, double* sums) {
  const int64_t most = 4 * HWY_DYNAMIC_DISPATCH(outerLanes)();
  for (int64_t first = 0; first < outer.examples; first += most)
    addBlock(outer, first, std::min(most, outer.examples - first), scratch, sums);
}

}  // namespace hushgrad::cpu
#endif
