#include "fastforward/model/parity.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "model/integer_net.h"
#include "support/expect_error.h"

namespace {

using ff::test::images;
using ff::test::net;

TEST(Parity, OfEachSite) {
  ff::QuantizedModel model = net();
  const ff::Parity parity = ff::parity(model, std::vector<ff::Inputs>{{images(2)}, {images(3, 7)}});
  ASSERT_FALSE(parity.sites.empty());
  for (const ff::SiteParity& site : parity.sites) {
    EXPECT_LE(site.largest, 1) << site.site;
    EXPECT_GE(site.share(), 0.999) << site.site;
    EXPECT_GT(site.sqnr, 40) << site.site;
    EXPECT_TRUE(site.op != "aten::flatten" || site.equal == site.codes);
  }
  EXPECT_EQ(parity.sites[0].site, "first.conv2d");
  EXPECT_EQ(parity.sites[0].codes, 5 * 8 * 8 * 8);
  EXPECT_TRUE(parity.sites[0].is_integer);
  EXPECT_EQ(parity.sites.back().site, "head.addmm");
  EXPECT_EQ(parity.sites.back().codes, 0) << "the model gives values";
  EXPECT_LT(parity.sites.back().sqnr, 200) << "sums in another order";
  EXPECT_GT(parity.sqnr, 20);
  EXPECT_FALSE(model->is_integer());
  std::ostringstream text;
  text << parity;
  EXPECT_NE(text.str().find("first.conv2d"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("codes of integers are equal where both ways are fed the same"),
            std::string::npos);
  const auto json = nlohmann::json::parse(parity.to_json());
  EXPECT_EQ(json["sites"].size(), parity.sites.size());
  EXPECT_EQ(json["sites"][0]["operator"], "aten::conv2d");
}

TEST(Parity, NeedsABatch) {
  ff::QuantizedModel model = net();
  EXPECT_ERROR(c10::ValueError, "parity: there is no batch; give the inputs of one call.",
               ff::parity(model, std::vector<ff::Inputs>{}));
}

}  // namespace
