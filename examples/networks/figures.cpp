#include "figures.h"

#include <cmath>
#include <map>

namespace networks {
namespace {

double share(const torch::Tensor& hits) {
  return hits.to(torch::kDouble).mean().item<double>();
}

void check_rows(const char* where, const torch::Tensor& first, const torch::Tensor& second) {
  TORCH_CHECK_VALUE(first.dim() == 2 && first.size(0) > 0 && first.sizes() == second.sizes(), where,
                    ": shapes are ", first.sizes(), " and ", second.sizes(),
                    ", expected two equal ones [N, width] with N > 0");
}

void check_labels(const char* where, const torch::Tensor& rows, const torch::Tensor& labels) {
  TORCH_CHECK_VALUE(rows.dim() == 2 && rows.size(0) > 0 && labels.dim() == 1 &&
                        labels.size(0) == rows.size(0) && labels.scalar_type() == torch::kLong,
                    where, ": ", labels.scalar_type(), " labels ", labels.sizes(), " for rows ",
                    rows.sizes(), ", expected int64 [N] for [N, width] with N > 0");
}

torch::Tensor whole_rows(const torch::Tensor& rows) {
  return rows.isnan().any(1).logical_not();
}

// The most frequent label of a list; the first one of equally frequent ones.
int64_t most_frequent(const int64_t* labels, int64_t count) {
  std::map<int64_t, int64_t> votes;
  for (int64_t i = 0; i < count; ++i) {
    ++votes[labels[i]];
  }
  int64_t best = labels[0];
  for (int64_t i = 1; i < count; ++i) {
    best = votes[labels[i]] > votes[best] ? labels[i] : best;
  }
  return best;
}

}  // namespace

double top1(const torch::Tensor& logits, const torch::Tensor& labels) {
  check_labels("top1", logits, labels);
  return share(logits.argmax(1).eq(labels).logical_and(whole_rows(logits)));
}

double agreement(const torch::Tensor& logits, const torch::Tensor& reference) {
  check_rows("agreement", logits, reference);
  return share(logits.argmax(1).eq(reference.argmax(1)).logical_and(whole_rows(logits)));
}

double sqnr(const torch::Tensor& values, const torch::Tensor& reference) {
  TORCH_CHECK_VALUE(values.sizes() == reference.sizes(), "sqnr: shapes are ", values.sizes(),
                    " and ", reference.sizes(), ", expected equal ones");
  const torch::Tensor signal = reference.to(torch::kDouble);
  const double noise = (values.to(torch::kDouble) - signal).square().sum().item<double>();
  return 10 * std::log10(signal.square().sum().item<double>() / noise);
}

RetrievalFigures retrieval(const torch::Tensor& queries, const torch::Tensor& items) {
  check_rows("retrieval", queries, items);
  const torch::Tensor scores = queries.matmul(items.t());
  const torch::Tensor worse = scores.lt(scores.diagonal().unsqueeze(1)).sum(1);
  const torch::Tensor rank = queries.size(0) - worse;
  return {share(rank.eq(1)), rank.to(torch::kDouble).reciprocal().mean().item<double>()};
}

double nearest_neighbours(const torch::Tensor& embeddings, const torch::Tensor& labels, int64_t k) {
  check_labels("nearest_neighbours", embeddings, labels);
  const int64_t count = embeddings.size(0);
  TORCH_CHECK_VALUE(k >= 1 && k < count, "nearest_neighbours: k is ", k, ", expected 1 to ",
                    count - 1, " for ", count, " rows");
  torch::Tensor scores = embeddings.matmul(embeddings.t());
  scores.fill_diagonal_(-INFINITY);
  const torch::Tensor nearest = std::get<1>(scores.topk(k, 1));
  const torch::Tensor found = labels.cpu().index_select(0, nearest.cpu().flatten());
  const torch::Tensor truth = labels.cpu().contiguous();
  const torch::Tensor whole = whole_rows(embeddings).cpu().contiguous();
  int64_t hits = 0;
  for (int64_t row = 0; row < count; ++row) {
    const int64_t label = most_frequent(found.const_data_ptr<int64_t>() + row * k, k);
    hits += whole.const_data_ptr<bool>()[row] && label == truth.const_data_ptr<int64_t>()[row];
  }
  return static_cast<double>(hits) / static_cast<double>(count);
}

double mean_cosine(const torch::Tensor& values, const torch::Tensor& reference) {
  check_rows("mean_cosine", values, reference);
  return torch::cosine_similarity(values.to(torch::kDouble), reference.to(torch::kDouble), 1)
      .mean()
      .item<double>();
}

}  // namespace networks
