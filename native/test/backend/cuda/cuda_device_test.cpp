// The same as cuda_bodies_test.cpp and cuda_update_test.cpp on a real GPU: what the GPU gives must be what the bodies
// give on the CPU, to the bit. Skipped, with the reason, where there is no GPU.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cuda/device.h"
#include "privatize/privatize.h"
#include "test/backend/cuda/rows_on_host.h"
#include "test/support/numbers.h"

namespace hushgrad::cuda {
namespace {

TEST(CudaLibrary, SaysWhatIsMissing) {
  const CudaLibrary& library = cudaLibrary();
  EXPECT_EQ(library.api == nullptr, !library.problem.empty());
  EXPECT_EQ(library.path.empty(), library.problem.find("built without CUDA") == 0);
  const std::string problem = cudaProblem();
  if (problem.empty()) GTEST_SKIP() << "there is a GPU here";
  try {
    Device::open(0);
    FAIL() << "a device was opened where there is none";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "no GPU: " + problem);
  }
}

class CudaDevice : public testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = cudaProblem();
    if (!problem.empty()) GTEST_SKIP() << "no GPU: " << problem;
    device = Device::open(0);
  }

  std::unique_ptr<DeviceBuffer> buffer(DeviceElement element, int64_t rows, int64_t columns, const void* values) {
    auto result = std::make_unique<DeviceBuffer>(device, element, rows, columns);
    if (values != nullptr) result->upload(values);
    return result;
  }

  std::vector<float> floats(const DeviceBuffer& buffer) {
    std::vector<float> result(static_cast<size_t>(buffer.rows * buffer.columns));
    buffer.download(result.data());
    return result;
  }

  Hardware hardware() {
    const HushgradCudaDevice description = device->description();
    return {description.cacheBytes, description.multiprocessors};
  }

  std::shared_ptr<Device> device;
};

template <class Element>
constexpr DeviceElement kElement = DeviceElement::float32;
template <>
constexpr DeviceElement kElement<Bfloat16> = DeviceElement::bfloat16;
template <>
constexpr DeviceElement kElement<Float16> = DeviceElement::float16;

template <class Element>
class CudaDeviceRows : public CudaDevice {
 protected:
  std::unique_ptr<DeviceBuffer> upload(const Gradients<Element>& gradients) {
    std::vector<Element> dense;
    for (int64_t b = 0; b < gradients.rows; ++b) {
      const Element* row = gradients.data.data() + b * gradients.stride;
      dense.insert(dense.end(), row, row + gradients.columns);
    }
    return this->buffer(kElement<Element>, gradients.rows, gradients.columns, dense.data());
  }
};
using Elements = testing::Types<float, Bfloat16, Float16>;
TYPED_TEST_SUITE(CudaDeviceRows, Elements);

struct RowShapes {
  int64_t rows, columns;
};

// Odd sizes, several groups of three rows, and rows that are too long for a group.
std::vector<RowShapes> shapesFor(const Hardware& hardware) {
  const int64_t quarter = hardware.cacheBytes / 4 / static_cast<int64_t>(sizeof(float));
  return {{1, 1}, {5, 7}, {64, 32}, {64, 1025}, {5, 40007}, {7, quarter / 3 - 50}, {3, quarter + 101}};
}

TYPED_TEST(CudaDeviceRows, ClipAndSumWithTheBitsOfTheBodiesOnTheCpu) {
  const ClipRule rule = clipRule("autoS", 0.7, {});
  for (const auto [rows, columns] : shapesFor(this->hardware())) {
    std::vector<float> values = normalFloats(rows * columns, 1);
    values[static_cast<size_t>(rows / 2 * columns)] = NAN;
    const Gradients<TypeParam> gradients(rows, columns, values);
    const std::vector<uint32_t> words(static_cast<size_t>(quotientUp(columns, 32)), 0xf0f33ccfu);
    const auto onDevice = this->upload(gradients);
    const auto mask = this->buffer(DeviceElement::bits32, 1, quotientUp(columns, 32), words.data());
    for (bool masked : {false, true}) {
      const Clipped want =
          clipOnHost(gradients, masked ? words.data() : nullptr, rule, this->hardware(), Order::ascending, 0.25f);
      const std::vector<float> start(static_cast<size_t>(columns), 0.25f);
      const auto sum = this->buffer(DeviceElement::float32, 1, columns, start.data());
      this->device->clipAndSum(*onDevice, masked ? mask.get() : nullptr, rule, *sum);
      EXPECT_EQ(this->floats(*sum), want.sum) << rows << " rows of " << columns << (masked ? ", masked" : "");

      DeviceBuffer norms(this->device, DeviceElement::float64, 1, rows);
      this->device->squaredNorms(*onDevice, masked ? mask.get() : nullptr, norms);
      std::vector<double> got(static_cast<size_t>(rows));
      norms.download(got.data());
      for (size_t b = 0; b < got.size(); ++b) {
        EXPECT_TRUE(got[b] == want.squaredNorms[b] || (std::isnan(got[b]) && std::isnan(want.squaredNorms[b]))) << b;
      }
    }
  }
}

TYPED_TEST(CudaDeviceRows, Sparsify) {
  const int64_t rows = 3, columns = 5003;
  const Gradients<TypeParam> gradients(rows, columns, normalFloats(rows * columns, 2));
  const std::vector<uint32_t> mask(static_cast<size_t>(quotientUp(columns, 32)), 0x0ff055aau);
  const auto onDevice = this->upload(gradients);
  const auto bits = this->buffer(DeviceElement::bits32, 1, quotientUp(columns, 32), mask.data());
  this->device->sparsify(*onDevice, *bits);
  std::vector<TypeParam> got(static_cast<size_t>(rows * columns));
  onDevice->download(got.data());
  const std::vector<float> want = gradients.floats(mask.data());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_EQ(toFloat(got[i]), want[i]) << i;
}

TEST_F(CudaDevice, PrivatizesWithTheCpusBits) {
  const int64_t count = (int64_t{3} << 20) + 77;  // several chunks of noise
  const auto size = static_cast<size_t>(count);
  GaussianNoise noise;
  noise.reserveWorkers(2);
  noise.setKey({7});
  const auto adam = makeOptimizer({"adam", {}});
  std::vector<float> parameter = normalFloats(count, 1), mean(size), square(size);
  const auto sum = buffer(DeviceElement::float32, 1, count, nullptr);
  const auto parameters = buffer(DeviceElement::float32, 1, count, parameter.data());
  const auto means = buffer(DeviceElement::float32, 1, count, nullptr);
  const auto squares = buffer(DeviceElement::float32, 1, count, nullptr);
  for (int64_t number = 1; number <= 3; ++number) {
    const OptimizerStep step{0.01, number};
    const std::vector<float> values = normalFloats(count, static_cast<uint32_t>(number), 10);
    const float* lanes[] = {values.data()};
    float* state[] = {mean.data(), square.data()};
    privatizeAndUpdate({1, lanes, count, &noise, 1.5, static_cast<uint64_t>(number), 0, 64, parameter.data(), state, 0},
                       *adam, step);
    sum->upload(values.data());
    DeviceBuffer* slots[] = {means.get(), squares.get()};
    device->privatize({sum.get(),
                       nullptr,
                       64,
                       parameters.get(),
                       {slots[0], slots[1], nullptr},
                       adam->rule(step),
                       1.5,
                       &noise,
                       static_cast<uint64_t>(number),
                       2});
  }
  EXPECT_EQ(floats(*parameters), parameter);
  EXPECT_EQ(floats(*means), mean);
  EXPECT_EQ(floats(*squares), square);
}

TEST_F(CudaDevice, BuffersKeepWhatTheyWereGiven) {
  const std::vector<float> values = normalFloats(7 * 33, 1);
  const auto rows = buffer(DeviceElement::float32, 7, 33, values.data());
  EXPECT_EQ(floats(*rows), values);
  rows->zero();
  EXPECT_EQ(floats(*rows), std::vector<float>(values.size()));
  EXPECT_EQ(floats(DeviceBuffer(device, DeviceElement::float32, 2, 5)), std::vector<float>(10));
}

TEST_F(CudaDevice, RefusesShapesThatDoNotFit) {
  DeviceBuffer gradients(device, DeviceElement::float32, 4, 100), wrong(device, DeviceElement::float32, 1, 99);
  DeviceBuffer doubles(device, DeviceElement::float64, 4, 100), mask(device, DeviceElement::bits32, 1, 3);
  DeviceBuffer sum(device, DeviceElement::float32, 1, 100);
  const ClipRule rule = clipRule("abadi", 1, {});
  EXPECT_THROW(device->clipAndSum(gradients, nullptr, rule, wrong), std::invalid_argument);
  EXPECT_THROW(device->clipAndSum(doubles, nullptr, rule, sum), std::invalid_argument);
  EXPECT_THROW(device->clipAndSum(gradients, &mask, rule, sum), std::invalid_argument);
  const UpdateRule sgd = makeOptimizer({"sgd", {}})->rule({1, 1});
  DeviceBuffer parameter(device, DeviceElement::float32, 1, 100);
  EXPECT_THROW(device->privatize({&sum, nullptr, 1, &parameter, {}, sgd, 1, nullptr, 1, 1}), std::invalid_argument);
  EXPECT_THROW(device->privatize({&wrong, nullptr, 1, &parameter, {}, sgd, 0, nullptr, 1, 1}), std::invalid_argument);
}

}  // namespace
}  // namespace hushgrad::cuda
