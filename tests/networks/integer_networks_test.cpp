// The published networks in integers, against their simulation.

#include <gtest/gtest.h>

#include <fastforward/fastforward.h>

#include <iostream>

#include "network_files.h"
#include "networks/figures.h"
#include "networks/imagenet_crops.h"
#include "networks/sentences.h"

namespace {

void expect_parity(const ff::Parity& parity) {
  for (const ff::SiteParity& site : parity.sites) {
    EXPECT_GE(site.share(), 0.9999) << site.site;
    EXPECT_LE(site.largest, 1) << site.site;
  }
  std::cout << parity.equal() << " of " << parity.codes() << " codes are equal, end to end "
            << parity.sqnr << " dB\n";
}

double integer_share(const ff::Parity& parity) {
  int64_t codes = 0;
  for (const ff::SiteParity& site : parity.sites)
    codes += site.is_integer ? site.codes : 0;
  return static_cast<double>(codes) / static_cast<double>(parity.codes());
}

}  // namespace

TEST(IntegerNetworks, EfficientNetLite0) {
  FF_SKIP_WITHOUT_MODELS("efficientnet-lite0", "imagenet-crops-1");
  const torch::NoGradGuard no_grad;
  const networks::ImageNetCrops crops = networks::load_imagenet_crops();
  const std::vector<torch::Tensor> batches = networks::batches(crops.calibration, 10);
  ff::QuantizedModel model = ff::autoquantize(networks::load_efficientnet_lite0(), batches[0]);
  ff::calibrate(model, batches);
  const ff::Parity parity = ff::parity(model, batches[0]);
  expect_parity(parity);
  EXPECT_EQ(integer_share(parity), 1.0) << "nothing between the first and the last runs in float";
  const networks::Classifier classifier = [&](const torch::Tensor& images) {
    return model(images);
  };
  const torch::Tensor simulated = networks::classify(classifier, crops.images);
  model->to_integer();
  const torch::Tensor integer = networks::classify(classifier, crops.images);
  std::cout << "top-1 " << networks::top1(integer, crops.labels) << ", simulated "
            << networks::top1(simulated, crops.labels) << ", the same class "
            << networks::agreement(integer, simulated) << "\n";
  EXPECT_GE(networks::agreement(integer, simulated), 0.99);
}

TEST(IntegerNetworks, MiniLM) {
  FF_SKIP_WITHOUT_MODELS("all-MiniLM-L6-v2", "wordnet-fortunes-1");
  const torch::NoGradGuard no_grad;
  const networks::Sentences sentences = networks::load_sentences();
  std::vector<ff::Inputs> calibration;
  for (const networks::TokenBatch& batch : networks::batches(sentences.fortunes))
    calibration.push_back({batch.ids, batch.mask});
  ff::QuantizedModel model = ff::autoquantize(networks::load_minilm(), calibration[0]);
  ff::calibrate(model, calibration);
  expect_parity(ff::parity(model, calibration[3]));
  const networks::Encoder encoder = [&](const torch::Tensor& ids, const torch::Tensor& mask) {
    return model(ids, mask);
  };
  const torch::Tensor simulated = networks::encode(encoder, sentences.definitions);
  model->to_integer();
  const torch::Tensor integer = networks::encode(encoder, sentences.definitions);
  const double cosine = torch::cosine_similarity(integer, simulated, -1).mean().item<double>();
  std::cout << "mean cosine between integers and simulation " << cosine << "\n";
  EXPECT_GE(cosine, 0.999);
}
