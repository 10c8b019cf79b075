#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "fastforward/core/api.h"
#include "fastforward/model/quantizer_collection.h"
#include "fastforward/nn/named_quantizers.h"

namespace ff {

/// A line of a summary: one quantizer, in one place.
struct FF_API QuantizerSummary {
  /// Its path in the model.
  std::string name;
  /// Its tags; of several in one hierarchy the most special.
  std::vector<std::string> tags;
  /// Its class, like "LinearQuantizer".
  std::string type;
  /// Bits of a code, where its type has them.
  std::optional<int64_t> num_bits;
  /// Which elements share parameters, where its type has it.
  std::optional<std::string> granularity;
  /// The least minimum and greatest maximum of all tiles, where a range is set.
  std::optional<std::pair<double, double>> range;
  /// The number of tiles, where a range is set.
  std::optional<int64_t> tiles;
  /// False for one that needs a range and has none yet, and for stubs.
  bool initialized;
};

/// All quantizers of a model, in order.
struct FF_API Summary {
  /// The lines.
  std::vector<QuantizerSummary> quantizers;

  /// Returns {"quantizers": [{"name": ..., "tags": [...], "type": ..., "num_bits": ...,
  /// "granularity": ..., "range": [min, max], "tiles": ..., "initialized": ...}]}. What a quantizer
  /// does not have is null.
  std::string to_json() const;
};

/// Writes an aligned table.
FF_API std::ostream& operator<<(std::ostream& stream, const Summary& summary);

/// Returns what quantizers and stubs `model` has.
///
///     std::cout << ff::summarize(model);
///
/// Source: FastForward's summarize_quantizers, which groups them by their text.
FF_API Summary summarize(const nn::ModuleRef& model);
/// Returns the same for some quantizers.
FF_API Summary summarize(const QuantizerCollection& quantizers);

}  // namespace ff
