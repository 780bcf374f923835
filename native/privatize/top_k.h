// Top-k of the noisy gradient: the k coordinates of largest magnitude go to the optimizer, the others are 0. With error
// feedback what was not sent is kept and added to the next gradient: c = e + g, e ← c − topk(c). Post-processing of
// what the mechanism released, so that accounting is unchanged.
//
//   begin(); add(…) for every range; select(); take(…) for every range.
//
// Two passes over the candidates find the k-th largest magnitude: non-negative floats are ordered as their bits are, so
// the first counts upper halves of the bits, the second the lower halves of those in the bucket that holds the k-th.
// Counts are whole numbers, and ties go to lower indices: the outcome does not depend on threads. Allocates nothing
// after construction.
#pragma once

#include <cstdint>
#include <vector>

namespace hushgrad {

struct TopKSpec {
  double keep = 1;  // in (0, 1]
  bool errorFeedback = false;
};

// k = ⌈keep · count⌉, in float64. Throws std::invalid_argument where keep is out of range.
int64_t sentOf(const TopKSpec& spec, int64_t count);

class TopK {
 public:
  // `candidates` [size] is the caller's: e between steps with error feedback, 0 before the first. At least k of its
  // elements take part, those that add() is called for; the others are 0.
  TopK(int64_t k, bool errorFeedback, float* candidates, int64_t size, int workers);

  int64_t bytes() const { return static_cast<int64_t>(counts.size() * counts[0].size() * sizeof(uint32_t)); }
  void begin();
  // Thread-safe for distinct ranges and workers.
  void add(int64_t first, int64_t count, const float* gradient, int worker);
  // Where the k-th lies, from all that was added.
  void select();
  // What the optimizer sees of a range; what it does not see stays as e.
  void take(int64_t first, int64_t count, float* gradient);
  bool sends(int64_t index) const;

 private:
  using Counts = std::vector<uint32_t>;

  void sumUp();
  int64_t bucketOf(int64_t& rank) const;
  void countLower(int32_t upper);
  void findCut(int64_t ties);

  const bool errorFeedback;
  const int64_t k, size;
  float* const candidates;
  std::vector<Counts> counts;  // by worker; the first holds their sum
  // Kept are magnitudes above the threshold's, and those that equal it below index `cut`.
  int32_t threshold = 0;
  int64_t cut = 0;
};

// marks [count]: 1 for the k values of largest magnitude, with lower indices first among equals, 0 for the others. k
// ≥ 1.
void markLargest(const float* values, int64_t count, int64_t k, uint8_t* marks);

}  // namespace hushgrad
