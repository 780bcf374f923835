// Every instruction set that the vector kernels are compiled for gives the same results, so that a machine with AVX2
// or with NEON trains what a machine with AVX-512 trains.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "test/support/convolutions.h"
#include "test/support/numbers.h"
#include "test/support/reference_backend.h"

namespace hushgrad {
namespace {

Window poolWindow() {
  Window w;
  w.inChannels = w.outChannels = 21, w.inHeight = 7, w.inWidth = 6, w.outHeight = 6, w.outWidth = 5;
  w.kernelHeight = w.kernelWidth = 2;
  return w;
}

struct Results {
  std::vector<std::vector<float>> approximate, exact;
};

void runActivations(Results& results) {
  const int64_t count = 1003;
  const auto x = normalFloats(count, 1, 3), dy = normalFloats(count, 2);
  for (ActivationKind kind : {ActivationKind::relu, ActivationKind::leakyRelu, ActivationKind::tanh,
                              ActivationKind::sigmoid, ActivationKind::gelu, ActivationKind::geluTanh}) {
    auto y = room(count), dx = room(count);
    cpuBackend().activate({kind, 0.1f}, count, x.data(), y.data());
    cpuBackend().activateGradient({kind, 0.1f}, count, x.data(), y.data(), dy.data(), dx.data());
    results.approximate.push_back(y);
    results.approximate.push_back(dx);
  }
}

void runNormalizations(Results& results) {
  for (const auto& n : {Backend::Normalization{30, 21, 7, false}, Backend::Normalization{30, 21, 1, true}}) {
    const int64_t examples = 2, floats = examples * n.positions * n.channels;
    const auto x = normalFloats(floats, 1), dy = normalFloats(floats, 2), weight = normalFloats(n.channels, 3);
    auto y = room(floats), dx = y, stats = room(examples * 2 * n.statistics());
    auto dw = room(examples * n.channels), db = dw;
    cpuBackend().normalize(n, examples, x.data(), weight.data(), weight.data(), y.data(), stats.data());
    cpuBackend().normalizeGradient(n, examples, x.data(), stats.data(), weight.data(), dy.data(), dx.data());
    cpuBackend().normalizeParameterGradients(n, examples, x.data(), stats.data(), dy.data(), dw.data(), db.data(),
                                             n.channels);
    for (const auto& values : {y, dx, stats, dw, db}) results.approximate.push_back(values);
  }
}

void runPooling(Results& results) {
  const Window w = poolWindow();
  const auto x = normalFloats(2 * w.inElements(), 1), dy = normalFloats(2 * w.outElements(), 2);
  auto y = room(2 * w.outElements()), dx = room(2 * w.inElements());
  std::vector<int32_t> chosen(y.size());
  cpuBackend().maxPool(w, 2, x.data(), y.data(), chosen.data());
  cpuBackend().maxPoolGradient(w, 2, chosen.data(), dy.data(), dx.data());
  results.exact.push_back(y);
  results.exact.push_back(dx);
  cpuBackend().averagePool(w, 2, x.data(), y.data());
  cpuBackend().averagePoolGradient(w, 2, dy.data(), dx.data());
  results.approximate.push_back(y);
  results.approximate.push_back(dx);
}

void runRows(Results& results) {
  const int64_t rows = 5, columns = 131;
  const auto x = normalFloats(rows * columns, 1), factors = normalFloats(rows, 2);
  std::vector<double> norms(static_cast<size_t>(rows), 0.0);
  std::vector<float> sum(static_cast<size_t>(columns), 0.0f), scaled = room(rows * columns), totals = room(columns);
  cpuBackend().addSquaredNorms(rows, columns, x.data(), columns, norms.data());
  cpuBackend().addWeightedRows(rows, columns, x.data(), columns, factors.data(), sum.data());
  cpuBackend().scaleRows(rows, columns, factors.data(), x.data(), scaled.data());
  cpuBackend().sumPositions(1, rows, columns, x.data(), totals.data(), columns);
  double total, magnitude;
  cpuBackend().dotWithMagnitude(columns, x.data(), x.data() + columns, &total, &magnitude);
  results.approximate.push_back({norms.begin(), norms.end()});
  results.approximate.push_back({static_cast<float>(total), static_cast<float>(magnitude)});
  results.approximate.push_back(sum);
  results.approximate.push_back(totals);
  results.exact.push_back(scaled);
}

void runDropout(Results& results) {
  const auto x = normalFloats(500, 1);
  auto y = room(500);
  cpuBackend().dropout(3, 17, 0.3f, 500, x.data(), y.data());
  results.exact.push_back(y);
}

void runConvolution(Results& results) {
  const Window w = windowOf({33, 20, 9, 7, 3, 3, 1, 1, 1, 1});
  const int64_t examples = 3;
  Fixture fixture(cpuBackend(), w, examples, normalFloats(weightFloats(w), 1));
  const auto x = normalFloats(examples * w.inElements(), 2), dy = normalFloats(examples * w.outElements(), 3);
  results.approximate.push_back(fixture.forward(examples, x.data(), nullptr));
  results.approximate.push_back(fixture.inputGradient(examples, dy.data()));
  results.approximate.push_back(fixture.weightGradient(examples, x.data(), dy.data()));
}

Results runAll() {
  Results results;
  runConvolution(results);
  runActivations(results);
  runNormalizations(results);
  runPooling(results);
  runRows(results);
  runDropout(results);
  return results;
}

TEST(VectorTargets, AllAgree) {
  hwy::SetSupportedTargetsForTest(0);
  const Results best = runAll();
  int64_t tried = 0;
  for (int64_t bits = hwy::SupportedTargets(); bits != 0; bits &= bits - 1, ++tried) {
    hwy::SetSupportedTargetsForTest(bits & -bits);
    const Results results = runAll();
    SCOPED_TRACE(hwy::TargetName(bits & -bits));
    for (size_t i = 0; i < best.approximate.size(); ++i)
      EXPECT_LT(relativeError({results.approximate[i].begin(), results.approximate[i].end()},
                              {best.approximate[i].begin(), best.approximate[i].end()}),
                1e-6)
          << i;
    EXPECT_EQ(results.exact, best.exact);
    hwy::SetSupportedTargetsForTest(0);
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace hushgrad
