#pragma once

#include <c10/core/Storage.h>

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/call_graph.h"
#include "model/model_run.h"

namespace ff::model {

/// Finds out in a run which values lie in memory that is written to after somebody has read them,
/// and which calls gave views of such memory: what is written in one must be seen in the others.
class WrittenMemory {
 public:
  /// Notes it in the graph, which must stay as long as this.
  explicit WrittenMemory(CallGraph& graph) : graph_(graph) {}

  /// Before a call runs.
  void note_call(const Meeting& meeting);
  /// After it ran.
  void note_results(size_t call, const Meeting& meeting, c10::ArrayRef<c10::IValue> results);

 private:
  struct Memory {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // keeps the address from being reused
    std::vector<size_t> views;                          // calls that gave one
    std::unordered_set<ValueId> values;                 // in it, those that somebody read
  };

  Memory& memory_of(const at::Tensor& tensor);
  void note_reads(const Meeting& meeting);
  void note_write(const Meeting& meeting);

  CallGraph& graph_;
  std::unordered_map<const c10::StorageImpl*, Memory> memory_;
  std::vector<c10::Storage> operands_;  // of the call that runs
};

}  // namespace ff::model
