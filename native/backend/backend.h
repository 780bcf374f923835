// The primitives that layers, losses, clipping and privatize are written in. A backend executes them; it knows
// nothing of privacy, models or strategies. One call serves all the examples of a chunk and is made by one worker;
// calls of different workers run side by side, so nothing here is shared and mutable.
//
// Layout: row-major float32. A value of shape [C, H, W] lies channels-last (H, W, C) inside the engine.
// Nothing allocates: what a primitive needs beyond its operands is in `scratch`, sized beforehand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace hushgrad {

// C[m, n] = op(A)[m, k] · op(B)[k, n] + beta · C. lda, ldb and ldc are the row strides of the matrices as stored.
struct Gemm {
  bool transposeA = false, transposeB = false;
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t lda = 0;
  const float* b = nullptr;
  int64_t ldb = 0;
  float beta = 0;
  float* c = nullptr;
  int64_t ldc = 0;
};

enum class ActivationKind { relu, leakyRelu, tanh, sigmoid, gelu, geluTanh };
struct Activation {
  ActivationKind kind;
  float slope = 0;  // of leakyRelu below zero
};

enum class PoolKind { max, average };

// Geometry shared by convolution and pooling over [C, H, W], and of convolution over [C, D, H, W]: a picture is a
// volume of depth 1. Averages divide by the kernel's full size when countPadding holds, else by the number of positions
// inside the picture (torch.nn.AvgPool2d).
struct Window {
  int64_t inChannels = 0, inDepth = 1, inHeight = 0, inWidth = 0;
  int64_t outChannels = 0, outDepth = 1, outHeight = 0, outWidth = 0;
  int64_t kernelDepth = 1, kernelHeight = 1, kernelWidth = 1;
  int64_t strideDepth = 1, strideHeight = 1, strideWidth = 1;
  int64_t padDepth = 0, padHeight = 0, padWidth = 0;
  int64_t dilationDepth = 1, dilationHeight = 1, dilationWidth = 1;
  int64_t groups = 1;
  bool countPadding = true;
  int64_t inElements() const { return inChannels * inDepth * inHeight * inWidth; }
  int64_t outElements() const { return outChannels * positions(); }
  int64_t positions() const { return outRows() * outWidth; }
  // Rows of the output, picture after picture.
  int64_t outRows() const { return outDepth * outHeight; }
  int64_t taps() const { return kernelDepth * kernelHeight * kernelWidth; }
  // Length of one unfolded patch of one group.
  int64_t patch() const { return inChannels / groups * taps(); }
  bool isPicture() const { return inDepth == 1 && outDepth == 1 && kernelDepth == 1; }
};

// One convolution of one worker: primitives made once, for up to `capacity` examples a call.
// The packed weights are shared by all workers; weight gradients stay in the primitive's own layout
// (gradientFloats of them; padding, if any, is zero), where norms and sums are as good as anywhere.
class Convolution {
 public:
  virtual ~Convolution() = default;
  virtual std::string implementation() const = 0;  // for plan(): which kernels were chosen
  virtual int64_t packedFloats() const = 0;
  virtual void pack(const float* weightOihw, float* packed) const = 0;  // OIDHW of volumes
  virtual int64_t scratchFloats() const = 0;
  // y[examples, OH, OW, OC] = conv(x[examples, H, W, IC]) + bias (may be null)
  virtual void forward(int64_t examples, const float* x, const float* packed, const float* bias, float* y,
                       float* scratch) = 0;
  virtual void inputGradient(int64_t examples, const float* dy, const float* packed, float* dx, float* scratch) = 0;
  virtual int64_t gradientFloats() const = 0;
  // g = gradient of the weight, summed over the examples; overwrites.
  virtual void weightGradient(int64_t examples, const float* x, const float* dy, float* g, float* scratch) = 0;
  // A sum over examples may be computed from terms that the gradient of one example does not have: large ones that
  // cancel but for their rounding. A bound on the squared norm of what that leaves of the example x[H, W, IC],
  // dy[OH, OW, OC] in such a sum; 0 where all terms are the gradient's own. Not finite where x may overflow on the way
  // there: nothing then keeps it out of a sum, not even dy = 0.
  virtual double sumRounding(const float* x, const float* dy) const = 0;
  virtual void unpackGradient(const float* g, float* weightOihw) const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual void gemm(const Gemm& product) = 0;
  virtual std::unique_ptr<Convolution> convolution(const Window& window, bool needsInputGradient, int64_t capacity) = 0;

  // patches[positions, groups · patch] of one example x[D, H, W, C]; within a patch the order is kernel plane, kernel
  // row, kernel column, channel. Positions outside the picture are zero; padding below zero cuts from the picture.
  virtual void unfold(const Window& window, const float* x, float* patches) = 0;

  // chosen[b, position, c]: index into the window's H·W of the maximum (the first one, as PyTorch), for the gradient.
  virtual void maxPool(const Window& window, int64_t examples, const float* x, float* y, int32_t* chosen) = 0;
  virtual void maxPoolGradient(const Window& window, int64_t examples, const int32_t* chosen, const float* dy,
                               float* dx) = 0;
  virtual void averagePool(const Window& window, int64_t examples, const float* x, float* y) = 0;
  virtual void averagePoolGradient(const Window& window, int64_t examples, const float* dy, float* dx) = 0;

  // y = f(x), and dx = dy · f'(x). x or y may be null in the gradient where the kind needs the other one only
  // (relu, leakyRelu, tanh, sigmoid need y; gelu needs x). y may be x; dx may be dy.
  virtual void activate(const Activation& f, int64_t count, const float* x, float* y) = 0;
  virtual void activateGradient(const Activation& f, int64_t count, const float* x, const float* y, const float* dy,
                                float* dx) = 0;

  // y[r, c] += bias[c]
  virtual void addBias(int64_t rows, int64_t columns, const float* bias, float* y) = 0;
  // [rows, columns] to [columns, rows] for each example: channels-first to channels-last and back.
  virtual void transpose(int64_t examples, int64_t rows, int64_t columns, const float* x, float* y) = 0;

  // Normalisation of each example over `groups` groups of channels: x is [examples, positions, channels].
  // LayerNorm over the last dimension of [examples, positions, channels]: perPosition, groups = 1.
  struct Normalization {
    int64_t positions = 1, channels = 1, groups = 1;
    bool perPosition = false;
    float epsilon = 1e-5f;
    int64_t statistics() const { return perPosition ? positions : groups; }  // of each of mean and inverse deviation
  };
  // stats: [examples, 2, statistics()], mean then 1/sqrt(var + eps). weight and bias may be null.
  virtual void normalize(const Normalization& n, int64_t examples, const float* x, const float* weight,
                         const float* bias, float* y, float* stats) = 0;
  // dx may be dy.
  virtual void normalizeGradient(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                 const float* weight, const float* dy, float* dx) = 0;
  // Per-example gradients of weight and bias, [channels] each at weightGradients + b·stride; either may be null.
  virtual void normalizeParameterGradients(const Normalization& n, int64_t examples, const float* x, const float* stats,
                                           const float* dy, float* weightGradients, float* biasGradients,
                                           int64_t stride) = 0;

  // Rows: b-th row at x + b·stride, `columns` long.
  // sums[b] += Σ_c x[b, c]², over the columns whose bit (c % 8 of byte c / 8) is 1 where there is a mask. Masks are
  // readable 8 bytes beyond their last bit. What is added is not below the exact value, and above it by at most 1e-6 of
  // it; not finite where x holds what is not finite.
  virtual void addSquaredNorms(int64_t rows, int64_t columns, const float* x, int64_t stride, double* sums,
                               const uint8_t* mask = nullptr) = 0;
  // sums[b] += Σ_ij m_ij e[b, i]² a[b, j]²: squared norms of e_b a_bᵀ over the elements whose bit i·inputs + j is 1,
  // without writing them out. Not below the exact value, and above it by at most 1e-5 of it; NaN where a or e holds
  // what is not finite. scratch: maskedOuterFloats().
  struct MaskedOuter {
    int64_t examples = 0, outputs = 0, inputs = 0;
    const float* a = nullptr;  // [examples, inputs]
    const float* e = nullptr;  // [examples, outputs]
    const uint8_t* mask = nullptr;
  };
  virtual int64_t maskedOuterFloats(int64_t outputs) const = 0;
  virtual void addMaskedOuterNorms(const MaskedOuter& outer, float* scratch, double* sums) = 0;
  // sum[c] += Σ_b factors[b] · x[b, c] (factors null: all ones). A row whose factor is 0 is not read.
  virtual void addWeightedRows(int64_t rows, int64_t columns, const float* x, int64_t stride, const float* factors,
                               float* sum) = 0;
  // y[b, c] = factors[b] · x[b, c]; a row whose factor is 0 becomes 0 whatever it holds. So does a row whose largest
  // product is above kMostScaled, so that sums of a few of them could overflow, or below kLeastScaled, where products
  // round too coarsely for a bound on norms. y may be x.
  static constexpr float kLeastScaled = 0x1p-102f, kMostScaled = 0x1p122f;
  virtual void scaleRows(int64_t rows, int64_t columns, const float* factors, const float* x, float* y) = 0;
  // y[i] = 0 where |y[i]| < kLeastScaled. Under a mask the largest product of a row may be one that is dropped, so that
  // scaleRows says nothing of the others.
  virtual void zeroCoarse(int64_t count, float* y) = 0;
  // y += x
  virtual void add(int64_t count, const float* x, float* y) = 0;
  // y = a · b, element by element; y may be a.
  virtual void multiply(int64_t count, const float* a, const float* b, float* y) = 0;
  virtual void fill(int64_t count, float value, float* y) = 0;
  // y[r, c] = x[r, c] of rows that begin xStride and yStride floats apart.
  virtual void copyRows(int64_t rows, int64_t columns, const float* x, int64_t xStride, float* y, int64_t yStride) = 0;
  // A sparse matrix [outRows, inRows]: row i has the entries begins[i] … begins[i + 1] − 1 of rows and weights.
  struct RowMixture {
    int64_t inRows = 0, outRows = 0;
    const int32_t* begins = nullptr;
    const int32_t* rows = nullptr;
    const float* weights = nullptr;
  };
  // y[block, outRows, columns] = mixture · x[block, inRows, columns], block by block.
  virtual void mixRows(const RowMixture& mixture, int64_t blocks, int64_t columns, const float* x, float* y) = 0;
  // y[b·stride + c] = Σ_p x[b, p, c]: per-example gradients of a bias over positions.
  virtual void sumPositions(int64_t examples, int64_t positions, int64_t columns, const float* x, float* y,
                            int64_t stride) = 0;
  // total = Σ_i p[i]·q[i] and magnitude = Σ_i |p[i]·q[i]| in float64: a Gram sum and the size of its terms.
  virtual void dotWithMagnitude(int64_t count, const float* p, const float* q, double* total, double* magnitude) = 0;
  // total += Σ_i p[i]·q[i] and magnitude += Σ_i |p[i]·q[i]| in float64, where q[i] = Σ_r row[r][i] in float32.
  virtual void addDotWithSum(int64_t count, const float* p, int64_t rows, const float* const* row, double* total,
                             double* magnitude) = 0;
  // Inverted dropout: keep[i] drawn from the counter-based generator at (key, position + i); y = keep ? x/(1−rate) : 0.
  // y may be x.
  virtual void dropout(uint64_t key, uint64_t position, float rate, int64_t count, const float* x, float* y) = 0;
};

// The CPU backend: oneDNN for products and convolutions, Highway for the rest. Stateless, shared by all workers.
Backend& cpuBackend();

}  // namespace hushgrad
