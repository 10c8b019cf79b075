#include "peak_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>

namespace bench {
namespace {

class Meter final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*memory*/, int64_t bytes, size_t /*allocated*/, size_t /*reserved*/,
                         c10::Device device) override {
    if (!device.is_cpu())
      return;
    use_.kept += bytes;
    use_.peak = std::max(use_.peak, use_.kept);
  }
  bool memoryProfilingEnabled() const override {
    return true;
  }
  const MemoryUse& use() const {
    return use_;
  }

 private:
  MemoryUse use_;
};

}  // namespace

MemoryUse memory_use(const std::function<void()>& run) {
  const auto meter = std::make_shared<Meter>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
  run();
  return meter->use();
}

}  // namespace bench
