#include "clipping/integer_rows.h"

#include <algorithm>

namespace hushgrad {

// Beyond every integer that is allowed, within int32; for NaN too.
constexpr double kTooLarge = 2.0 * kSensitivityUnits - 1;

// The sum with 1.5·2⁵² has no digit left below one: rounding without a call, which compilers turn into vectors.
static int32_t rounded(double value) {
  constexpr double kWholes = 0x1.8p52;
  const double capped = std::max(-kTooLarge, value < kTooLarge ? value : kTooLarge);
  return static_cast<int32_t>((capped + kWholes) - kWholes);
}

// A sum of squares below 2⁶², without overflow for up to 2³² of them: halves of 32 bits are added on their own.
struct ExactSquares {
  uint64_t low = 0, high = 0;

  void add(int32_t value) {
    const auto square = static_cast<uint64_t>(static_cast<int64_t>(value) * value);
    low += square & 0xffffffffu;
    high += square >> 32;
  }
  bool atMost(uint64_t limit) const {
    const uint64_t upper = high + (low >> 32);
    return upper < limit >> 32 || (upper == limit >> 32 && (low & 0xffffffffu) <= (limit & 0xffffffffu));
  }
};

bool addRounded(const IntegerRow& row, int64_t* sum) {
  constexpr auto kLimit = static_cast<uint64_t>(kSensitivityUnits) * static_cast<uint64_t>(kSensitivityUnits);
  ExactSquares squares;
  int64_t column = 0;
  for (int part = 0; part < row.parts; ++part) {
    for (; column < row.ends[part]; ++column) {
      row.room[column] = rounded(row.gradient[column] * row.scales[part]);
      squares.add(row.room[column]);
    }
  }
  if (!squares.atMost(kLimit)) return false;
  for (int64_t c = 0; c < column; ++c) sum[c] += row.room[c];
  return true;
}

}  // namespace hushgrad
