// Random words to standard normals, one block at a time: Box–Muller in float32. Internal to privatize, and open to the
// tests, which feed it words of their own.
#pragma once

#include <cstdint>

namespace hushgrad {

// A block is kGaussianPairs pairs; a pair takes a 64-bit word for the radius and a 32-bit word for the angle.
constexpr int64_t kGaussianPairs = 512;
constexpr int64_t kGaussianWords = 3 * kGaussianPairs;

// words: [3][kGaussianPairs], the radius's high half, its low half, the angle. out: [2][kGaussianPairs], r·x and r·y of
// pair p at p and kGaussianPairs + p. The radius word w stands for the uniform u = (w + ½)/2⁶⁴, and r = √(−2 ln u) has
// full float32 precision at both ends: 9.5 for all-zero words, 2.3e-10 for all-one words. Never infinite, never NaN.
void gaussianBlock(const uint32_t* words, float* out);

}  // namespace hushgrad
