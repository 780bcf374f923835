// See machine.h. Linux tells through sysfs and cgroup files, macOS through sysctl.
#include "backend/cpu/machine.h"

#include <hwy/highway.h>
#include <oneapi/dnnl/dnnl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace hushgrad {
namespace {

// The file's first line, or nothing.
std::string firstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A count such as "48K" or "105M" or "4096"; 0 where there is none ("max" included).
int64_t parseBytes(const std::string& text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return 0;
  size_t used = 0;
  const double number = std::stod(text, &used);
  const char unit = used < text.size() ? text[used] : ' ';
  const double scale = unit == 'K' ? 1024.0 : unit == 'M' ? 1048576.0 : 1.0;
  return number * scale < 9e18 ? static_cast<int64_t>(number * scale) : 0;
}

// CPUs in a list such as "0-3,8".
int countCpus(const std::string& list) {
  std::istringstream ranges(list);
  std::string range;
  int count = 0;
  while (std::getline(ranges, range, ',')) {
    int first = 0, last = 0;
    char dash = 0;
    std::istringstream numbers(range);
    if (!(numbers >> first)) continue;
    count += numbers >> dash >> last ? last - first + 1 : 1;
  }
  return std::max(count, 1);
}

#if defined(__APPLE__)
int64_t systemNumber(const char* name) {
  int64_t value = 0;
  size_t size = sizeof(value);
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}
#endif

void readCaches(Machine& machine) {
#if defined(__linux__)
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string type = firstLine(folder + "type"), level = firstLine(folder + "level");
    if (type != "Data" && type != "Unified") continue;
    const int64_t bytes = parseBytes(firstLine(folder + "size"));
    if (level == "1") machine.l1Bytes = bytes;
    if (level == "2") machine.l2Bytes = bytes;
    if (level == "3") machine.l3Bytes = bytes / countCpus(firstLine(folder + "shared_cpu_list"));
  }
#elif defined(__APPLE__)
  machine.l1Bytes = systemNumber("hw.perflevel0.l1dcachesize");
  const int64_t sharing = std::max<int64_t>(systemNumber("hw.perflevel0.cpusperl2"), 1);
  machine.l2Bytes = systemNumber("hw.perflevel0.l2cachesize") / sharing;
  if (machine.l2Bytes == 0) machine.l2Bytes = systemNumber("hw.l2cachesize");
  machine.l3Bytes = systemNumber("hw.l3cachesize") / std::max<int64_t>(systemNumber("hw.physicalcpu"), 1);
#endif
  if (machine.l1Bytes <= 0) machine.l1Bytes = 32 * 1024;
  if (machine.l2Bytes <= 0) machine.l2Bytes = 512 * 1024;
}

// The control group's folder below /sys/fs/cgroup and those above it: any of them may set a limit.
std::vector<std::string> controlGroups() {
  std::vector<std::string> folders;
  std::ifstream file("/proc/self/cgroup");
  std::string line, path;
  while (std::getline(file, line))
    if (line.compare(0, 3, "0::") == 0) path = line.substr(3);
  while (path.size() > 1) {
    folders.push_back("/sys/fs/cgroup" + path + "/");
    path.erase(path.find_last_of('/'));
  }
  folders.push_back("/sys/fs/cgroup/");
  return folders;
}

int64_t physicalMemory() {
  int64_t bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
  std::vector<std::string> limits{"/sys/fs/cgroup/memory/memory.limit_in_bytes"};  // version 1
  for (const std::string& folder : controlGroups()) limits.push_back(folder + "memory.max");
  for (const std::string& file : limits) {
    const int64_t limit = parseBytes(firstLine(file));
    if (limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

int availableCores() {
  double cores = static_cast<double>(std::max<int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1));
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = std::max(CPU_COUNT(&set), 1);
#endif
  for (const std::string& folder : controlGroups()) {
    std::istringstream quota(firstLine(folder + "cpu.max"));
    double microseconds = 0, period = 0;
    if (quota >> microseconds >> period && period > 0) cores = std::min(cores, std::ceil(microseconds / period));
  }
  return std::max(static_cast<int>(cores), 1);
}

void readCpu(Machine& machine) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#define HUSHGRAD_FEATURE(name) \
  if (__builtin_cpu_supports(name)) machine.cpuFeatures.push_back(name)
  HUSHGRAD_FEATURE("avx2");
  HUSHGRAD_FEATURE("fma");
  HUSHGRAD_FEATURE("avx512f");
  HUSHGRAD_FEATURE("avx512bw");
  HUSHGRAD_FEATURE("avx512dq");
  HUSHGRAD_FEATURE("avx512vl");
#undef HUSHGRAD_FEATURE
  machine.supported = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__)
  machine.cpuFeatures.push_back("neon");  // part of the 64-bit architecture
  machine.supported = true;
#endif
}

std::string version(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

Machine look() {
  Machine machine;
  readCpu(machine);
  readCaches(machine);
  machine.memoryBytes = physicalMemory();
  machine.cores = availableCores();
  const dnnl_version_t* onednn = dnnl_version();
  machine.libraries["oneDNN"] = version(onednn->major, onednn->minor, onednn->patch);
  machine.libraries["Highway"] = version(HWY_MAJOR, HWY_MINOR, HWY_PATCH);
  machine.libraries["OpenSSL"] = OpenSSL_version(OPENSSL_VERSION_STRING);
  machine.libraries["OpenMP"] = std::to_string(_OPENMP);
  return machine;
}

}  // namespace

const Machine& machine() {
  static const Machine seen = look();
  return seen;
}

}  // namespace hushgrad
