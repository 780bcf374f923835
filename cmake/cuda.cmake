# Builds libhushgrad_cuda.so where nvcc of CUDA 12 or later is found (PATH, CUDACXX or CMAKE_CUDA_COMPILER); sets
# HUSHGRAD_HAS_CUDA. scripts/cuda-toolkit.mjs gets a toolkit without a GPU.
set(HUSHGRAD_HAS_CUDA OFF)
if(NOT CMAKE_CUDA_ARCHITECTURES)
  # Before the compiler is looked at: what CMake tries by itself is too old for recent toolkits.
  set(CMAKE_CUDA_ARCHITECTURES 80)
  set(HUSHGRAD_OWN_CUDA_ARCHITECTURES ON)
endif()
if(NOT CMAKE_CUDA_COMPILER)
  unset(CMAKE_CUDA_COMPILER CACHE)  # not found the last time: it may have come since
  # check_language takes seconds; where there is nothing to find, this tells at once.
  find_program(HUSHGRAD_NVCC nvcc PATHS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT HUSHGRAD_NVCC AND NOT DEFINED ENV{CUDACXX})
    return()
  endif()
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  return()
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} is too old: built without CUDA")
  return()
endif()
set(HUSHGRAD_HAS_CUDA ON)

# Machine code for data-centre generations, and PTX that later ones compile from.
if(HUSHGRAD_OWN_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.8)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100)
  endif()
endif()

file(GLOB CUDA_SOURCES CONFIGURE_DEPENDS native/backend/cuda/library/*.cu)
# The CUDA runtime is linked in (CMake's default): what a machine must have is the driver alone, found at run time.
add_library(hushgrad_cuda SHARED ${CUDA_SOURCES})
target_include_directories(hushgrad_cuda PRIVATE native)
set_target_properties(hushgrad_cuda PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF
  CUDA_VISIBILITY_PRESET hidden)
# Nothing is fused but what is written as fma: both sides round alike (native/backend/portable.h).
target_compile_options(hushgrad_cuda PRIVATE --fmad=false -Xcompiler=-Wall,-Wextra
  $<$<BOOL:${HUSHGRAD_WERROR}>:-Werror=all-warnings -Xcompiler=-Werror>)
target_link_options(hushgrad_cuda PRIVATE -Wl,-z,defs -Wl,--exclude-libs,ALL)
if(HUSHGRAD_OUTPUT_DIRECTORY)
  set_target_properties(hushgrad_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${HUSHGRAD_OUTPUT_DIRECTORY})
endif()
