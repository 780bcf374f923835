// Loops over vectors, shared by the vector kernels. Compiled once for each instruction set (hence the toggled guard).
#if defined(HUSHGRAD_LOOPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef HUSHGRAD_LOOPS_INL_H
#undef HUSHGRAD_LOOPS_INL_H
#else
#define HUSHGRAD_LOOPS_INL_H
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace hushgrad::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// body(d, i) for i over [0, count): d names whole vectors, then vectors of four, then single elements, so that nothing
// beyond `count` is read or written.
template <class Body>
HWY_INLINE void forEachLane(size_t count, const Body& body) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> one;
  size_t i = 0;
  for (; i + hn::Lanes(whole) <= count; i += hn::Lanes(whole)) body(whole, i);
  for (; i + hn::Lanes(four) <= count; i += hn::Lanes(four)) body(four, i);
  for (; i < count; ++i) body(one, i);
}

// Bits i … of a mask for a vector's lanes. Reads 8 bytes from that of bit i on.
template <class D>
HWY_INLINE hn::Mask<D> maskAt(D d, const uint8_t* bits, int64_t i) {
  uint64_t word;
  std::memcpy(&word, bits + i / 8, sizeof word);
  word >>= i % 8;
  return hn::LoadMaskBits(d, reinterpret_cast<const uint8_t*>(&word));
}

}  // namespace hushgrad::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
