// The one loop of the kernels here: whole vectors, then single elements by the same code, so that an element's result
// does not depend on where in the range it stands. Included once a target, from within a foreach_target file.
#if defined(HUSHGRAD_FOR_EACH_VECTOR) == defined(HWY_TARGET_TOGGLE)
#ifdef HUSHGRAD_FOR_EACH_VECTOR
#undef HUSHGRAD_FOR_EACH_VECTOR
#else
#define HUSHGRAD_FOR_EACH_VECTOR
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace hushgrad {
namespace HWY_NAMESPACE {

// body(tag, first element), for tags of a whole vector and of one float.
template <class Body>
HWY_INLINE void forEachVector(int64_t count, const Body& body) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> whole;
  const hwy::HWY_NAMESPACE::CappedTag<float, 1> single;
  const int64_t lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(whole));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) body(whole, i);
  for (; i < count; ++i) body(single, i);
}

}  // namespace HWY_NAMESPACE
}  // namespace hushgrad
HWY_AFTER_NAMESPACE();
#endif
