#include "questions.h"

#include <iterator>

namespace bench {

std::vector<Benchmark> all_benchmarks(const Sizes& sizes) {
  std::vector<Benchmark> all;
  for (std::vector<Benchmark> some :
       {fake_quantize(sizes), int8_codes(sizes), fake_quantize_backward(sizes), train_step(sizes),
        minmax(sizes), mse_grid(sizes), quantizer_call(), storage(), model(sizes), integer(sizes),
        integer_depthwise(sizes), integer_model(sizes), threads(sizes)}) {
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace bench
