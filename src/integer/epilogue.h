#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ff::integer {

struct Product;

/// What turns sums into results, for each output channel of each group, filled up to panels.
struct Epilogue {
  /// Input scale * weight scale / output scale, rounded once.
  std::vector<float> factor;
  /// Bias / output scale - zero, rounded once.
  std::vector<float> shift;
};

/// Keeps the last epilogue of a weight: scales and biases seldom change.
class EpilogueCache {
 public:
  /// The epilogue of a product with this weight.
  std::shared_ptr<const Epilogue> get(const Product& product);

 private:
  // What it was computed from, by value.
  struct Key {
    double input, unit, zero;
    std::string scales, bias;  // as bytes

    bool is_of(const Product& product) const;
  };

  std::mutex mutex_;
  Key key_;
  std::shared_ptr<const Epilogue> last_;
};

}  // namespace ff::integer
