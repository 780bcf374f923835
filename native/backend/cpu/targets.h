// Instruction sets that the vector kernels are compiled for; include before <hwy/foreach_target.h>. AVX2 is the least
// that machine() lets run on x86, so older sets would be dead weight; Highway adds the compiler's own baseline.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
