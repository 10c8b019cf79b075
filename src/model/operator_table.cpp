#include "model/operator_table.h"

#include <unordered_map>

namespace ff::model {
namespace {

using K = OperatorKind;

// The last axis, that of the columns of a matrix that stands right.
constexpr int kLast = -1;

}  // namespace

const std::vector<OperatorRule>& operator_table() {
  static const std::vector<OperatorRule> table = {
      // Sums of products. Of a matrix product, an operand made of parameters is a weight.
      {"linear", "linear", K::kProduct, "input", "weight", "bias"},
      {"conv1d", "conv1d", K::kProduct, "input", "weight", "bias"},
      {"conv2d", "conv2d", K::kProduct, "input", "weight", "bias"},
      {"conv3d", "conv3d", K::kProduct, "input", "weight", "bias"},
      {"_convolution", "conv", K::kProduct, "input", "weight", "bias"},
      {"convolution", "conv", K::kProduct, "input", "weight", "bias"},
      {"conv_transpose1d", "conv_transpose1d", K::kProduct, "input", "weight", "bias", 1},
      {"conv_transpose2d", "conv_transpose2d", K::kProduct, "input", "weight", "bias", 1},
      {"conv_transpose3d", "conv_transpose3d", K::kProduct, "input", "weight", "bias", 1},
      {"matmul", "matmul", K::kProduct, "self other", "", "", kLast},
      {"mm", "matmul", K::kProduct, "self mat2", "", "", kLast},
      {"bmm", "matmul", K::kProduct, "self mat2", "", "", kLast},
      {"mv", "matmul", K::kProduct, "self vec", "", "", kNoAxis},
      {"addmm", "addmm", K::kProduct, "mat1 mat2", "", "self", kLast},
      {"addmv", "addmv", K::kProduct, "mat vec", "", "self", kNoAxis},
      {"baddbmm", "baddbmm", K::kProduct, "batch1 batch2", "", "self", kLast},
      {"addbmm", "addbmm", K::kProduct, "batch1 batch2", "", "self", kNoAxis},
      {"einsum", "einsum", K::kProduct, "tensors", "", "", kNoAxis},
      {"inner", "inner", K::kProduct, "self other", "", "", kNoAxis},
      {"outer", "outer", K::kProduct, "self vec2", "", "", kNoAxis},
      {"tensordot", "tensordot", K::kProduct, "self other", "", "", kNoAxis},
      {"chain_matmul", "chain_matmul", K::kProduct, "matrices", "", "", kNoAxis},
      {"linalg_multi_dot", "chain_matmul", K::kProduct, "tensors", "", "", kNoAxis},
      {"bilinear", "bilinear", K::kProduct, "input1 input2", "weight", "bias"},
      {"scaled_dot_product_attention", "scaled_dot_product_attention", K::kProduct,
       "query key value"},
      {"_native_multi_head_attention", "native_multi_head_attention", K::kProduct,
       "query key value", "qkv_weight proj_weight"},
      {"_transformer_encoder_layer_fwd", "transformer_encoder_layer", K::kProduct, "src",
       "qkv_weight proj_weight ffn_weight_1 ffn_weight_2"},
      {"lstm", "lstm", K::kProduct, "input", "params"},
      {"gru", "gru", K::kProduct, "input", "params"},
      {"rnn_tanh", "rnn", K::kProduct, "input", "params"},
      {"rnn_relu", "rnn", K::kProduct, "input", "params"},
      {"lstm_cell", "lstm_cell", K::kProduct, "input", "w_ih w_hh"},
      {"gru_cell", "gru_cell", K::kProduct, "input hx", "w_ih w_hh"},
      {"rnn_tanh_cell", "rnn_cell", K::kProduct, "input hx", "w_ih w_hh"},
      {"rnn_relu_cell", "rnn_cell", K::kProduct, "input hx", "w_ih w_hh"},
      {"embedding", "embedding", K::kLookup, "", "weight"},
      {"embedding_bag", "embedding_bag", K::kLookup, "", "weight"},
      // Normalizations
      {"batch_norm", "batch_norm", K::kNorm, "input"},
      {"native_batch_norm", "batch_norm", K::kNorm, "input"},
      {"layer_norm", "layer_norm", K::kFloat, "input"},
      {"native_layer_norm", "layer_norm", K::kFloat, "input"},
      {"group_norm", "group_norm", K::kFloat, "input"},
      {"instance_norm", "instance_norm", K::kFloat, "input"},
      {"rms_norm", "rms_norm", K::kFloat, "input"},
      {"softmax", "softmax", K::kFloat, "self"},
      {"_softmax", "softmax", K::kFloat, "self"},
      {"log_softmax", "log_softmax", K::kFloat, "self"},
      {"_log_softmax", "log_softmax", K::kFloat, "self"},
      // Functions of one tensor
      {"relu", "relu", K::kActivation, "self"},
      {"relu6", "relu6", K::kActivation, "self"},
      {"hardtanh", "hardtanh", K::kActivation, "self"},
      {"clamp", "clamp", K::kActivation, "self"},
      {"clamp_min", "clamp", K::kActivation, "self"},
      {"clamp_max", "clamp", K::kActivation, "self"},
      {"clip", "clamp", K::kActivation, "self"},
      {"leaky_relu", "leaky_relu", K::kActivation, "self"},
      {"prelu", "prelu", K::kActivation, "self"},
      {"elu", "elu", K::kActivation, "self"},
      {"selu", "selu", K::kActivation, "self"},
      {"celu", "celu", K::kActivation, "self"},
      {"gelu", "gelu", K::kActivation, "self"},
      {"silu", "silu", K::kActivation, "self"},
      {"mish", "mish", K::kActivation, "self"},
      {"hardswish", "hardswish", K::kActivation, "self"},
      {"hardsigmoid", "hardsigmoid", K::kActivation, "self"},
      {"sigmoid", "sigmoid", K::kActivation, "self"},
      {"log_sigmoid", "log_sigmoid", K::kActivation, "self"},
      {"tanh", "tanh", K::kActivation, "self"},
      {"softplus", "softplus", K::kActivation, "self"},
      {"threshold", "threshold", K::kActivation, "self"},
      {"abs", "abs", K::kActivation, "self"},
      {"neg", "neg", K::kActivation, "self"},
      {"exp", "exp", K::kActivation, "self"},
      {"sqrt", "sqrt", K::kActivation, "self"},
      {"rsqrt", "rsqrt", K::kActivation, "self"},
      {"pow", "pow", K::kActivation, "self"},
      {"square", "square", K::kActivation, "self"},
      {"glu", "glu", K::kActivation, "self"},
      // Functions of two tensors
      {"add", "add", K::kArithmetic, "self other"},
      {"sub", "sub", K::kArithmetic, "self other"},
      {"rsub", "sub", K::kArithmetic, "self other"},
      {"mul", "mul", K::kArithmetic, "self other"},
      {"div", "div", K::kArithmetic, "self other"},
      {"maximum", "maximum", K::kArithmetic, "self other"},
      {"minimum", "minimum", K::kArithmetic, "self other"},
      // Sums of elements
      {"mean", "mean", K::kAverage, "self"},
      {"sum", "sum", K::kAverage, "self"},
      {"avg_pool1d", "avg_pool1d", K::kAverage, "self"},
      {"avg_pool2d", "avg_pool2d", K::kAverage, "self"},
      {"avg_pool3d", "avg_pool3d", K::kAverage, "self"},
      {"adaptive_avg_pool1d", "adaptive_avg_pool1d", K::kAverage, "self"},
      {"adaptive_avg_pool2d", "adaptive_avg_pool2d", K::kAverage, "self"},
      {"adaptive_avg_pool3d", "adaptive_avg_pool3d", K::kAverage, "self"},
      {"upsample_linear1d", "upsample_linear1d", K::kAverage, "self input"},
      {"upsample_bilinear2d", "upsample_bilinear2d", K::kAverage, "self input"},
      {"upsample_bicubic2d", "upsample_bicubic2d", K::kAverage, "self input"},
      {"upsample_trilinear3d", "upsample_trilinear3d", K::kAverage, "self input"},
      {"grid_sampler", "grid_sampler", K::kAverage, "input"},
      // Elements of the operand
      {"max_pool1d", "max_pool1d", K::kPass, "self"},
      {"max_pool2d", "max_pool2d", K::kPass, "self"},
      {"max_pool3d", "max_pool3d", K::kPass, "self"},
      {"max_pool2d_with_indices", "max_pool2d", K::kPass, "self"},
      {"adaptive_max_pool1d", "adaptive_max_pool1d", K::kPass, "self"},
      {"adaptive_max_pool2d", "adaptive_max_pool2d", K::kPass, "self"},
      {"adaptive_max_pool3d", "adaptive_max_pool3d", K::kPass, "self"},
      {"max", "max", K::kPass, "self"},
      {"min", "min", K::kPass, "self"},
      {"amax", "amax", K::kPass, "self"},
      {"amin", "amin", K::kPass, "self"},
      {"topk", "topk", K::kPass, "self"},
      {"sort", "sort", K::kPass, "self"},
      {"upsample_nearest1d", "upsample_nearest1d", K::kPass, "self input"},
      {"upsample_nearest2d", "upsample_nearest2d", K::kPass, "self input"},
      {"upsample_nearest3d", "upsample_nearest3d", K::kPass, "self input"},
      {"pad", "pad", K::kPass, "self"},
      {"constant_pad_nd", "pad", K::kPass, "self"},
      {"reflection_pad1d", "pad", K::kPass, "self"},
      {"reflection_pad2d", "pad", K::kPass, "self"},
      {"reflection_pad3d", "pad", K::kPass, "self"},
      {"replication_pad1d", "pad", K::kPass, "self"},
      {"replication_pad2d", "pad", K::kPass, "self"},
      {"replication_pad3d", "pad", K::kPass, "self"},
      {"dropout", "dropout", K::kPass, "input"},
      {"dropout_", "dropout", K::kPass, "self"},
      {"feature_dropout", "dropout", K::kPass, "input"},
      {"feature_dropout_", "dropout", K::kPass, "self"},
      {"alpha_dropout", "dropout", K::kPass, "input"},
      // Structure
      {"alias", "alias", K::kStructural, "self"},
      {"as_strided", "as_strided", K::kStructural, "self"},
      {"channel_shuffle", "channel_shuffle", K::kStructural, "self"},
      {"chunk", "chunk", K::kStructural, "self"},
      {"clone", "clone", K::kStructural, "self"},
      {"contiguous", "contiguous", K::kStructural, "self"},
      {"detach", "detach", K::kStructural, "self"},
      {"expand", "expand", K::kStructural, "self"},
      {"expand_as", "expand", K::kStructural, "self"},
      {"flatten", "flatten", K::kStructural, "self"},
      {"flip", "flip", K::kStructural, "self"},
      {"gather", "gather", K::kStructural, "self"},
      {"index", "index", K::kStructural, "self"},
      {"index_select", "index_select", K::kStructural, "self"},
      {"movedim", "movedim", K::kStructural, "self"},
      {"narrow", "narrow", K::kStructural, "self"},
      {"numpy_T", "t", K::kStructural, "self"},
      {"permute", "permute", K::kStructural, "self"},
      {"pixel_shuffle", "pixel_shuffle", K::kStructural, "self"},
      {"pixel_unshuffle", "pixel_unshuffle", K::kStructural, "self"},
      {"repeat", "repeat", K::kStructural, "self"},
      {"reshape", "reshape", K::kStructural, "self"},
      {"reshape_as", "reshape", K::kStructural, "self"},
      {"roll", "roll", K::kStructural, "self"},
      {"select", "select", K::kStructural, "self"},
      {"slice", "slice", K::kStructural, "self"},
      {"split", "split", K::kStructural, "self"},
      {"split_with_sizes", "split", K::kStructural, "self"},
      {"squeeze", "squeeze", K::kStructural, "self"},
      {"swapaxes", "transpose", K::kStructural, "self"},
      {"t", "t", K::kStructural, "self"},
      {"tensor_split", "split", K::kStructural, "self"},
      {"to", "to", K::kStructural, "self"},
      {"_to_copy", "to", K::kStructural, "self"},
      {"transpose", "transpose", K::kStructural, "self"},
      {"type_as", "to", K::kStructural, "self"},
      {"unbind", "unbind", K::kStructural, "self"},
      {"unflatten", "unflatten", K::kStructural, "self"},
      {"unfold", "unfold", K::kStructural, "self"},
      {"unsqueeze", "unsqueeze", K::kStructural, "self"},
      {"view", "view", K::kStructural, "self"},
      {"view_as", "view", K::kStructural, "self"},
      {"_reshape_alias", "view", K::kStructural, "self"},
      {"_unsafe_view", "view", K::kStructural, "self"},
      // Joins
      {"cat", "cat", K::kJoin, "tensors"},
      {"concat", "cat", K::kJoin, "tensors"},
      {"concatenate", "cat", K::kJoin, "tensors"},
      {"stack", "stack", K::kJoin, "tensors"},
      {"hstack", "cat", K::kJoin, "tensors"},
      {"vstack", "cat", K::kJoin, "tensors"},
      {"where", "where", K::kJoin, "self other"},
  };
  return table;
}

const OperatorRule* find_rule(std::string_view name) {
  static const std::unordered_map<std::string_view, const OperatorRule*> by_name = [] {
    std::unordered_map<std::string_view, const OperatorRule*> map;
    for (const OperatorRule& rule : operator_table())
      map.emplace(rule.name, &rule);
    return map;
  }();
  constexpr std::string_view kNamespace = "aten::";
  if (name.substr(0, kNamespace.size()) != kNamespace)
    return nullptr;
  name.remove_prefix(kNamespace.size());
  auto found = by_name.find(name);
  if (found == by_name.end() && !name.empty() && name.back() == '_')
    found = by_name.find(name.substr(0, name.size() - 1));
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace ff::model
