// Random words to standard normals, one block at a time: Box–Muller in float32. Internal to privatize, and open to the
// tests, which feed it words of their own.
//
// A pair of normals takes a 64-bit word for the radius and a 32-bit word for the angle. The radius word w stands for
// the uniform u = (w + ½)/2⁶⁴, and r = √(−2 ln u) has full float32 precision at both ends: 9.5 for all-zero
// words, 2.3e-10 for all-one words, never infinite, never NaN. Of the 64 bits the lower 32 are drawn only where float32
// can tell: where u is within 2⁻⁸ of 0 or 1. That is one pair in 128, and a third of the random bits saved.
#pragma once

#include <cstdint>

namespace hushgrad {

constexpr int64_t kGaussianPairs = 512;
// Room that findTails() may write past the pairs it found.
constexpr int64_t kTailPadding = 64;

// The pairs whose low words count, in order, of high[kGaussianPairs]; returns how many. pairs has room for
// kGaussianPairs + kTailPadding.
int findTails(const uint32_t* high, uint32_t* pairs);

// What a low word adds to the distance of u from its nearer end, in units of 2⁻³²; kMiddle where it does not count.
float tailFraction(uint32_t high, uint32_t low);
constexpr float kMiddle = 0.5f;

// high, angle, fraction: [kGaussianPairs]. out: [2][kGaussianPairs], r·x and r·y of pair p at p and kGaussianPairs + p.
void gaussianBlock(const uint32_t* high, const uint32_t* angle, const float* fraction, float* out);

}  // namespace hushgrad
