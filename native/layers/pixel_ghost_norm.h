// Ghost norm of a convolution from the Gram matrix of its pixels instead of its patches, which are as many times wider
// as the kernel has taps: with K[u, v] = x_u·x_v (0 outside the picture) and E[t, s] = e_t·e_s,
//   ‖G‖² = Σ_{t,s} E[t, s] · Σ_taps K[t + tap, s + tap].
// Where the stride is S, a tap meets every S-th row and column: one picture, and one Gram matrix, for each of the
// stride's phases. Positions and pixels of a phase lie with one pitch, so that a tap is one offset; columns of zeros
// between the rows stand for what lies outside.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "layers/ghost_norm.h"

namespace hushgrad {

class PixelGhostNorm {
 public:
  // The window slides over a picture.
  PixelGhostNorm(Backend& backend, const Window& window);

  int64_t scratchFloats() const;
  // Of one example; only blocks on and above the diagonal are computed. To be compared with other ways: see there.
  double flops() const;
  double bytes() const;

  // As GhostNorm::squared, of one example's pictures x[H, W, C] and e[OH, OW, OC].
  std::optional<double> squared(const float* x, const float* e, float* scratch);

 private:
  struct Tap {
    int64_t row, column;  // of a phase's picture, from an output position's own
  };
  // Every strideHeight-th row and strideWidth-th column of the input.
  struct Phase {
    Window cut;  // gathers it, with the pitch, by unfolding a kernel of one pixel
    int64_t height, width;
    std::vector<Tap> taps;
    int64_t least = 0, most = 0;  // offsets of its taps
    int64_t columns = 0;          // of its Gram matrix in memory: its pixels, and zeros that taps run into
    int64_t rows = 0;             // kept of it, as many as one block of positions meets; in a ring
    float* picture = nullptr;     // [inChannels, pixels]: products of transposed pictures run faster
    float* gram = nullptr;        // [rows, columns], from the diagonal on
    int64_t computed = 0;         // rows of the Gram matrix so far
    int64_t pixels() const { return cut.positions(); }
  };

  void addPhase(int64_t rowPhase, int64_t columnPhase);
  void shape(Phase& phase) const;
  int64_t end() const { return window.outHeight * pitch; }  // of the positions, in pitch
  int64_t outputColumns() const;
  int64_t gatheredFloats() const;
  void layOut(const float* x, const float* e, float* scratch);
  void addGroup(int64_t group, GramSum& sum);
  void extend(Phase& phase, int64_t group, int64_t until) const;
  void addPosition(const Phase& phase, int64_t position, const float* outputRow, GramSum& sum);
  void gather(const Window& cut, const float* x, float* picture);
  void multiplyRows(const float* x, int64_t pixels, int64_t channels, int64_t group, int64_t row, int64_t rows,
                    int64_t leading, float* product) const;

  Backend& backend;
  const Window window;
  int64_t pitch;
  int64_t blockRows;
  std::vector<Phase> phases;
  Window embed;                       // puts e into the pitch
  float* gradients = nullptr;         // [outChannels, end()]
  float* gathered = nullptr;          // room for the largest picture before it is transposed
  float* outputGram = nullptr;        // [blockRows, outputColumns()], from the diagonal on
  std::vector<const float*> shifted;  // the Gram rows that one position's taps meet
};

}  // namespace hushgrad
