/* The border between hushgrad and its CUDA library, libhushgrad_cuda.so, which is loaded at run time: plain C, so that
 * the two may come from different compilers. The library exports one function, hushgradCudaApi().
 *
 * Every function gives 0, or another number and a text in lastError() of the same thread. Work is enqueued in order on
 * the context's stream and may still run when a call returns; download() and synchronize() wait. A context is used by
 * one thread at a time. Rows: the b-th of a matrix starts b·strideBytes after the first; addresses and strides are
 * multiples of HUSHGRAD_CUDA_ALIGNMENT bytes, and what lies between a row's end and the next multiple is never looked
 * at, but must be there. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HUSHGRAD_CUDA_ABI 1
#define HUSHGRAD_CUDA_ALIGNMENT 32

typedef struct HushgradCudaContext HushgradCudaContext;

enum HushgradCudaElement { HUSHGRAD_CUDA_FLOAT32 = 0, HUSHGRAD_CUDA_BFLOAT16 = 1, HUSHGRAD_CUDA_FLOAT16 = 2 };

typedef struct {
  char name[256];
  int32_t computeMajor, computeMinor;
  int32_t multiprocessors;
  int32_t driver, runtime; /* 1000 · major + 10 · minor, as CUDA numbers them */
  int64_t memoryBytes, cacheBytes;
} HushgradCudaDevice;

/* Per-example gradients [rows, columns]. */
typedef struct {
  int32_t element; /* HushgradCudaElement */
  int64_t rows, columns, strideBytes;
  void* data;
  /* Null, or a sparsification mask of `columns` bits: coordinate i is kept where bit i % 32 of word i / 32 is set. What
   * is dropped counts neither in norms nor in sums, whatever it holds. */
  const uint32_t* mask;
} HushgradCudaRows;

/* clip function: see clipping/clip_rules.h for kinds and parameters. */
typedef struct {
  int32_t kind;
  double threshold, parameter;
} HushgradCudaClip;

/* The optimizer step: see privatize/update_rules.h; `rule` is its UpdateRule, `ruleBytes` long. */
typedef struct {
  int64_t count;
  const float* sum;     /* [count] */
  const float* normals; /* [count] standard normals, or null: no noise */
  const uint32_t* mask; /* null, or count bits: what is dropped gets no noise */
  float deviation;      /* σ·S */
  float scale;          /* 1 / normalizer */
  float* parameter;     /* [count] */
  float* state[3];      /* as many as the optimizer has, [count] each */
  const void* rule;     /* on the host */
  int64_t ruleBytes;
} HushgradCudaUpdate;

typedef struct {
  int32_t abi; /* HUSHGRAD_CUDA_ABI; read before anything else */
  const char* (*lastError)(void);

  int (*deviceCount)(int32_t* count);
  int (*open)(int32_t device, HushgradCudaContext** context);
  void (*close)(HushgradCudaContext* context);
  int (*describe)(HushgradCudaContext* context, HushgradCudaDevice* device);

  int (*allocate)(HushgradCudaContext* context, int64_t bytes, void** data); /* zeros */
  void (*release)(HushgradCudaContext* context, void* data);
  int (*allocatePinned)(HushgradCudaContext* context, int64_t bytes, void** data); /* on the host */
  void (*releasePinned)(HushgradCudaContext* context, void* data);
  int (*zero)(HushgradCudaContext* context, void* data, int64_t bytes);
  /* rows · width bytes, from and to rows of other strides; the source may be reused when the call returns. */
  int (*upload)(HushgradCudaContext* context, void* to, int64_t toStride, const void* from, int64_t fromStride,
                int64_t width, int64_t rows);
  int (*download)(HushgradCudaContext* context, void* to, int64_t toStride, const void* from, int64_t fromStride,
                  int64_t width, int64_t rows);
  int (*synchronize)(HushgradCudaContext* context);

  /* Uploads from pinned memory beside the kernels. begin: what follows waits for the last privatize() (which reads the
   * memory that is to be overwritten), and for nothing after it. chunk: copies; `slot` is 0 or 1. wait: until the
   * slot's source may be overwritten. end: kernels enqueued from here on see the copies. */
  int (*sideBegin)(HushgradCudaContext* context);
  int (*sideChunk)(HushgradCudaContext* context, int32_t slot, void* to, const void* from, int64_t bytes);
  int (*sideWait)(HushgradCudaContext* context, int32_t slot);
  int (*sideEnd)(HushgradCudaContext* context);

  /* squaredNorms[rows], float64, on the device. */
  int (*squaredNorms)(HushgradCudaContext* context, const HushgradCudaRows* rows, double* squaredNorms);
  /* sum[columns] += Σ_b factor_b · g_b; squaredNorms and factors, [rows] on the device, may be null. `sum` is readable
   * and writable up to the next multiple of HUSHGRAD_CUDA_ALIGNMENT bytes. */
  int (*clipAndSum)(HushgradCudaContext* context, const HushgradCudaRows* rows, const HushgradCudaClip* clip,
                    float* sum, double* squaredNorms, float* factors);
  /* Zeros what the mask drops, in place. */
  int (*sparsify)(HushgradCudaContext* context, const HushgradCudaRows* rows);
  int (*privatize)(HushgradCudaContext* context, const HushgradCudaUpdate* update);
} HushgradCudaApi;

const HushgradCudaApi* hushgradCudaApi(void);

#ifdef __cplusplus
}
#endif
