// The parts of Winograd's F(4×4, 3×3) convolution. A picture is cut into tiles of 4×4 outputs; 36 products of matrices
// of channels take the place of 9 · 16 multiplications a tile (Lavin and Gray 2016, "Fast Algorithms for Convolutional
// Neural Networks"; points 0, ±√½, ±√2, ∞).
//
// Transformed values lie as [36, tiles, channels]; tiles are numbered over examples, tile rows and tile columns.
#pragma once

#include <cstdint>

namespace hushgrad::cpu::winograd {

constexpr int64_t kTile = 4, kPatch = 6, kTaps = 9;
constexpr int64_t kElements = kPatch * kPatch;
// Columns of a product that are computed together: as many channels as every vector width divides.
constexpr int64_t kPanel = 32;

// Pictures of one layer, [examples, height, width, channels], seen as tiles. A tile begins at picture row
// kTile · (its row) − padHeight; what lies outside of the picture reads as zero and is not written.
struct Tiles {
  int64_t height, width, channels;
  int64_t rows, columns;  // of tiles
  int64_t padHeight = 0, padWidth = 0;
  int64_t perExample() const { return rows * columns; }
};

struct TileRange {
  int64_t first, count;
};

// Where element e of tile t of a range begins: values + e · elementStride + t · tileStride.
struct Transformed {
  float* values;
  int64_t elementStride, tileStride;
};

// convolution_winograd_transforms.cpp
// Bᵀ d B of 6×6 patches.
void transformPatches(const Tiles& tiles, TileRange range, const float* x, const Transformed& to);
// A dY Aᵀ of 4×4 output gradients.
void transformOutputGradients(const Tiles& tiles, TileRange range, const float* dy, const Transformed& to);
// y = Aᵀ M A + bias (may be null) for `channels` channels from firstChannel on, which `from` holds alone.
void transformOutputs(const Tiles& tiles, TileRange range, const Transformed& from, const float* bias,
                      int64_t firstChannel, int64_t channels, float* y);
// G g Gᵀ of kPanel kernels at once: taps[9, kPanel] to kPanel floats at to + e · elementStride.
void transformKernels(const float* taps, float* to, int64_t elementStride);
// Gᵀ M G, the adjoint, for [rows, columns] kernels; tap t of row r goes to values + t · tapStride + r · rowStride.
struct Taps {
  float* values;
  int64_t tapStride, rowStride;
};
void transformSums(int64_t rows, int64_t columns, const Transformed& sums, const Taps& to);

// C[m, n] (+)= A[m, k] · B[k, n], n a multiple of 16 and at most kPanel. A's element (i, p) is at
// a + i · aRow + p · aInner.
struct PanelProduct {
  int64_t m, n, k;
  const float* a;
  int64_t aRow, aInner;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool accumulate;
};
// convolution_winograd_product.cpp
void multiply(const PanelProduct& product);

}  // namespace hushgrad::cpu::winograd
