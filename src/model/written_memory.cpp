#include "model/written_memory.h"

#include <algorithm>

namespace ff::model {

WrittenMemory::Memory& WrittenMemory::memory_of(const at::Tensor& tensor) {
  const c10::Storage& storage = tensor.storage();
  return memory_
      .try_emplace(storage.unsafeGetStorageImpl(), Memory{storage.getWeakStorageImpl(), {}, {}})
      .first->second;
}

void WrittenMemory::note_reads(const Meeting& meeting) {
  operands_.clear();
  for (const MetOperand& operand : meeting.operands) {
    const at::Tensor tensor = meeting.tensor(operand.argument, operand.element);
    if (!tensor.has_storage())
      continue;
    operands_.push_back(tensor.storage());
    if (operand.value >= 0)
      memory_of(tensor).values.insert(operand.value);
  }
}

void WrittenMemory::note_write(const Meeting& meeting) {
  for (const size_t argument : meeting.info.written) {
    const c10::IValue& target = meeting.arguments()[argument];
    if (!target.isTensor() || !target.toTensor().has_storage())
      continue;
    const Memory& memory = memory_of(target.toTensor());
    for (const size_t view : memory.views)
      graph_.call(view).is_view_of_written = true;
    for (const ValueId value : memory.values)
      graph_.value(value).is_written_later = true;
  }
}

void WrittenMemory::note_call(const Meeting& meeting) {
  note_reads(meeting);
  note_write(meeting);
}

void WrittenMemory::note_results(size_t call, const Meeting& meeting,
                                 c10::ArrayRef<c10::IValue> results) {
  const std::vector<c10::Storage> operands = std::move(operands_);
  if (!meeting.info.written.empty())
    return;
  // A copy here may be a view of the operand on its grid, which lies otherwise in memory.
  const bool may_be_view = meeting.info.site == "reshape" || meeting.info.site == "flatten";
  visit_results(results, [&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage())
      return;
    const c10::Storage& storage = tensor.storage();
    if (may_be_view ||
        std::any_of(operands.begin(), operands.end(),
                    [&](const c10::Storage& operand) { return operand.is_alias_of(storage); }))
      memory_of(tensor).views.push_back(call);
  });
}

}  // namespace ff::model
