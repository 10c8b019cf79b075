#include "model/mpath_classes.h"

#include <torch/nn/modules.h>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantized_module.h"
#include "fastforward/nn/quantizer_stub.h"

namespace ff::mpath {
namespace {

template <typename ModuleImpl>
ClassTests::value_type of(const char* name) {
  return {name, [](const torch::nn::Module& module) {
            return dynamic_cast<const ModuleImpl*>(&module) != nullptr;
          }};
}

#define FF_TORCH_CLASS(name) of<torch::nn::name##Impl>(#name)

}  // namespace

ClassTests builtin_classes() {
  return {{"Module", [](const torch::nn::Module&) { return true; }},
          of<nn::QuantizerImpl>("Quantizer"),
          of<nn::QuantizerStubImpl>("QuantizerStub"),
          of<nn::LinearQuantizerImpl>("LinearQuantizer"),
          of<nn::DynamicLinearQuantizerImpl>("DynamicLinearQuantizer"),
          of<nn::QuantizedModule>("QuantizedModule"),
          // Containers
          FF_TORCH_CLASS(Sequential),
          FF_TORCH_CLASS(ModuleList),
          FF_TORCH_CLASS(ModuleDict),
          FF_TORCH_CLASS(ParameterList),
          FF_TORCH_CLASS(ParameterDict),
          // Linear maps and embeddings
          FF_TORCH_CLASS(Identity),
          FF_TORCH_CLASS(Linear),
          FF_TORCH_CLASS(Bilinear),
          FF_TORCH_CLASS(Flatten),
          FF_TORCH_CLASS(Unflatten),
          FF_TORCH_CLASS(Embedding),
          FF_TORCH_CLASS(EmbeddingBag),
          // Convolutions
          FF_TORCH_CLASS(Conv1d),
          FF_TORCH_CLASS(Conv2d),
          FF_TORCH_CLASS(Conv3d),
          FF_TORCH_CLASS(ConvTranspose1d),
          FF_TORCH_CLASS(ConvTranspose2d),
          FF_TORCH_CLASS(ConvTranspose3d),
          FF_TORCH_CLASS(Fold),
          FF_TORCH_CLASS(Unfold),
          // Normalization and dropout
          FF_TORCH_CLASS(BatchNorm1d),
          FF_TORCH_CLASS(BatchNorm2d),
          FF_TORCH_CLASS(BatchNorm3d),
          FF_TORCH_CLASS(InstanceNorm1d),
          FF_TORCH_CLASS(InstanceNorm2d),
          FF_TORCH_CLASS(InstanceNorm3d),
          FF_TORCH_CLASS(LayerNorm),
          FF_TORCH_CLASS(GroupNorm),
          FF_TORCH_CLASS(LocalResponseNorm),
          FF_TORCH_CLASS(CrossMapLRN2d),
          FF_TORCH_CLASS(Dropout),
          FF_TORCH_CLASS(Dropout2d),
          FF_TORCH_CLASS(Dropout3d),
          FF_TORCH_CLASS(AlphaDropout),
          FF_TORCH_CLASS(FeatureAlphaDropout),
          // Activations
          FF_TORCH_CLASS(ELU),
          FF_TORCH_CLASS(SELU),
          FF_TORCH_CLASS(CELU),
          FF_TORCH_CLASS(GLU),
          FF_TORCH_CLASS(GELU),
          FF_TORCH_CLASS(SiLU),
          FF_TORCH_CLASS(Mish),
          FF_TORCH_CLASS(ReLU),
          FF_TORCH_CLASS(ReLU6),
          FF_TORCH_CLASS(RReLU),
          FF_TORCH_CLASS(LeakyReLU),
          FF_TORCH_CLASS(PReLU),
          FF_TORCH_CLASS(Hardshrink),
          FF_TORCH_CLASS(Hardtanh),
          FF_TORCH_CLASS(Sigmoid),
          FF_TORCH_CLASS(LogSigmoid),
          FF_TORCH_CLASS(Softmax),
          FF_TORCH_CLASS(Softmax2d),
          FF_TORCH_CLASS(Softmin),
          FF_TORCH_CLASS(LogSoftmax),
          FF_TORCH_CLASS(Softplus),
          FF_TORCH_CLASS(Softshrink),
          FF_TORCH_CLASS(Softsign),
          FF_TORCH_CLASS(Tanh),
          FF_TORCH_CLASS(Tanhshrink),
          FF_TORCH_CLASS(Threshold),
          // Pooling, padding, resampling
          FF_TORCH_CLASS(AvgPool1d),
          FF_TORCH_CLASS(AvgPool2d),
          FF_TORCH_CLASS(AvgPool3d),
          FF_TORCH_CLASS(MaxPool1d),
          FF_TORCH_CLASS(MaxPool2d),
          FF_TORCH_CLASS(MaxPool3d),
          FF_TORCH_CLASS(MaxUnpool1d),
          FF_TORCH_CLASS(MaxUnpool2d),
          FF_TORCH_CLASS(MaxUnpool3d),
          FF_TORCH_CLASS(AdaptiveAvgPool1d),
          FF_TORCH_CLASS(AdaptiveAvgPool2d),
          FF_TORCH_CLASS(AdaptiveAvgPool3d),
          FF_TORCH_CLASS(AdaptiveMaxPool1d),
          FF_TORCH_CLASS(AdaptiveMaxPool2d),
          FF_TORCH_CLASS(AdaptiveMaxPool3d),
          FF_TORCH_CLASS(FractionalMaxPool2d),
          FF_TORCH_CLASS(FractionalMaxPool3d),
          FF_TORCH_CLASS(LPPool1d),
          FF_TORCH_CLASS(LPPool2d),
          FF_TORCH_CLASS(ReflectionPad1d),
          FF_TORCH_CLASS(ReflectionPad2d),
          FF_TORCH_CLASS(ReflectionPad3d),
          FF_TORCH_CLASS(ReplicationPad1d),
          FF_TORCH_CLASS(ReplicationPad2d),
          FF_TORCH_CLASS(ReplicationPad3d),
          FF_TORCH_CLASS(ConstantPad1d),
          FF_TORCH_CLASS(ConstantPad2d),
          FF_TORCH_CLASS(ConstantPad3d),
          FF_TORCH_CLASS(ZeroPad2d),
          FF_TORCH_CLASS(Upsample),
          FF_TORCH_CLASS(PixelShuffle),
          FF_TORCH_CLASS(PixelUnshuffle),
          // Recurrence and attention
          FF_TORCH_CLASS(RNN),
          FF_TORCH_CLASS(LSTM),
          FF_TORCH_CLASS(GRU),
          FF_TORCH_CLASS(RNNCell),
          FF_TORCH_CLASS(LSTMCell),
          FF_TORCH_CLASS(GRUCell),
          FF_TORCH_CLASS(MultiheadAttention),
          FF_TORCH_CLASS(Transformer),
          FF_TORCH_CLASS(TransformerEncoder),
          FF_TORCH_CLASS(TransformerEncoderLayer),
          FF_TORCH_CLASS(TransformerDecoder),
          FF_TORCH_CLASS(TransformerDecoderLayer)};
}

#undef FF_TORCH_CLASS

}  // namespace ff::mpath
