#include "fastforward/model/mpath.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "model/mpath_model.h"
#include "support/expect_error.h"

// What queries find, and what is wrong with those that are none.
namespace {

namespace mpath = ff::mpath;
using Names = std::vector<std::string>;

const Names kBlock0{"layers.0.fc", "layers.0.act", "layers.0.weight_quantizer",
                    "layers.0.bias_quantizer", "layers.0.output_quantizer"};
const Names kBlock1{"layers.1.fc", "layers.1.act", "layers.1.weight_quantizer",
                    "layers.1.bias_quantizer", "layers.1.output_quantizer"};

Names operator+(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Names kEverything = Names{"stem", "layers", "layers.0"} + kBlock0 + Names{"layers.1"} +
                          kBlock1 + Names{"layers.2",   "layers.2.0",   "layers.2.1",     "heads",
                                          "heads.main", "heads.side 1", "input_quantizer"};

struct Case {
  const char* query;
  Names found;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      // Names
      {"stem", {"stem"}},
      {"/stem", {"stem"}},
      {"stem/", {"stem"}},
      {"/stem/", {"stem"}},
      {" stem ", {"stem"}},
      {"layers/0", {"layers.0"}},
      {"layers / 0", {"layers.0"}},
      {"layers.0", {"layers.0"}},
      {"layers.0.fc", {"layers.0.fc"}},
      {"layers.0/fc", {"layers.0.fc"}},
      {"fc", {}},
      {"stem/fc", {}},
      {"layers/0/fc/x", {}},
      {"0", {}},
      {"\"stem\"", {"stem"}},
      {"heads/\"side 1\"", {"heads.side 1"}},
      {"heads/main", {"heads.main"}},
      // One level
      {"*", {"stem", "layers", "heads", "input_quantizer"}},
      {"*/*", {"layers.0", "layers.1", "layers.2", "heads.main", "heads.side 1"}},
      {"layers/*", {"layers.0", "layers.1", "layers.2"}},
      {"*/0", {"layers.0"}},
      {"*/0/fc", {"layers.0.fc"}},
      {"*/*/*", kBlock0 + kBlock1 + Names{"layers.2.0", "layers.2.1"}},
      {"*/*/*/*", {}},
      {"layers/*/fc", {"layers.0.fc", "layers.1.fc"}},
      // Any number of levels
      {"**", kEverything},
      {"**/**", kEverything},
      {"**/*", kEverything},
      {"*/**", kEverything},
      {"**/fc", {"layers.0.fc", "layers.1.fc"}},
      {"**/layers/**/fc", {"layers.0.fc", "layers.1.fc"}},
      {"layers/**/fc", {"layers.0.fc", "layers.1.fc"}},
      {"layers/0/**", Names{"layers.0"} + kBlock0},
      {"layers/0/**/*", kBlock0},
      {"layers/0/*/**", kBlock0},
      {"**/0", {"layers.0", "layers.2.0"}},
      {"**/0/**", Names{"layers.0"} + kBlock0 + Names{"layers.2.0"}},
      {"**/0/**/fc", {"layers.0.fc"}},
      {"stem/**", {"stem"}},
      {"nothing/**", {}},
      // Classes
      {"**/[cls:Linear]",
       {"layers.0.fc", "layers.1.fc", "layers.2.0", "heads.main", "heads.side 1"}},
      {"**/[class:Linear]",
       {"layers.0.fc", "layers.1.fc", "layers.2.0", "heads.main", "heads.side 1"}},
      {"*/[cls:torch::nn::Linear]", {"heads.main", "heads.side 1"}},
      {"*/[cls:torch.nn.Linear]", {"heads.main", "heads.side 1"}},
      {"*/[cls:torch::nn::LinearImpl]", {"heads.main", "heads.side 1"}},
      {"*/[cls: Linear ]", {"heads.main", "heads.side 1"}},
      {"[cls:Conv2d]", {"stem"}},
      {"[cls:Conv1d]", {}},
      {"[cls:ModuleList]/[cls:Sequential]/*", {"layers.2.0", "layers.2.1"}},
      {"**/[cls:Block]", {"layers.0"}},
      {"**/[cls:ff::test::Block]", {"layers.0"}},
      {"**/[cls:QuantizedModule]", {"layers.0", "layers.1"}},
      {"*/[cls:Module]", {"layers.0", "layers.1", "layers.2", "heads.main", "heads.side 1"}},
      {"**/[cls:QuantizerStub]/*", {}},
      {"*/*/[cls:Quantizer]",
       {"layers.0.weight_quantizer", "layers.0.bias_quantizer", "layers.0.output_quantizer",
        "layers.1.weight_quantizer", "layers.1.bias_quantizer", "layers.1.output_quantizer"}},
      // Regular expressions
      {"[re:s.*]", {"stem"}},
      {"[regex:s.*]", {"stem"}},
      {"[re:te]", {}},
      {"layers/[re:[01\\]]/fc", {"layers.0.fc", "layers.1.fc"}},
      {"layers/[re:\\d+]/fc", {"layers.0.fc", "layers.1.fc"}},
      {"**/[re:(weight|bias)_quantizer]",
       {"layers.0.weight_quantizer", "layers.0.bias_quantizer", "layers.1.weight_quantizer",
        "layers.1.bias_quantizer"}},
      {"heads/[re:.* \\d]", {"heads.side 1"}},
      // Tags
      {"**/[qtag:parameter/weight]", {"layers.0.weight_quantizer", "layers.1.weight_quantizer"}},
      {"**/[quantizer:parameter/weight]",
       {"layers.0.weight_quantizer", "layers.1.weight_quantizer"}},
      {"layers/0/[qtag:parameter]", {"layers.0.weight_quantizer", "layers.0.bias_quantizer"}},
      {"**/[qtag:activation]",
       {"layers.0.output_quantizer", "layers.1.output_quantizer", "input_quantizer"}},
      {"**/[qtag:activation, head]", {"layers.0.output_quantizer", "layers.1.output_quantizer"}},
      {"**/[qtag:parameter/weight/none]", {}},
      // Several on one level
      {"**/[re:.*_quantizer][qtag:activation/input]", {"input_quantizer"}},
      {"layers/*[cls:Sequential]", {"layers.2"}},
      {"heads/main[cls:Linear]", {"heads.main"}},
      {"heads/main[cls:Conv2d]", {}},
      // Not
      {"~stem", {"layers", "heads", "input_quantizer"}},
      {"~~stem", {"stem"}},
      {"~*", {}},
      {"layers/*/~[cls:Quantizer]",
       {"layers.0.fc", "layers.0.act", "layers.1.fc", "layers.1.act", "layers.2.0", "layers.2.1"}},
      {"layers/*/~[cls:Quantizer]~[cls:Linear]", {"layers.0.act", "layers.1.act", "layers.2.1"}},
      {"*~[cls:ModuleList]~[cls:ModuleDict]", {"stem", "input_quantizer"}},
      // One of several
      {"{stem, heads}", {"stem", "heads"}},
      {"{heads, stem}", {"stem", "heads"}},
      {"{stem}", {"stem"}},
      {"{stem, stem}", {"stem"}},
      {"layers/{0, 1}/fc", {"layers.0.fc", "layers.1.fc"}},
      {"{layers/0, heads/main}", {"layers.0", "heads.main"}},
      {"**/{0/fc, main}", {"layers.0.fc", "heads.main"}},
      {"{layers/{0, 2}, stem}/*", kBlock0 + Names{"layers.2.0", "layers.2.1"}},
      {"{**/0, stem}/**", Names{"stem", "layers.0"} + kBlock0 + Names{"layers.2.0"}},
      {"{**}/fc", {"layers.0.fc", "layers.1.fc"}},
      {"layers/{*, **}/0", {"layers.0", "layers.2.0"}},
  };
  return all;
}

TEST(MPath, QueriesFindWhatTheySay) {
  const ff::test::Nested model;
  EXPECT_GE(cases().size(), 60);
  for (const Case& one : cases())
    EXPECT_EQ(mpath::search(one.query, model).names(), one.found) << one.query;
}

TEST(MPath, QueriesPrintBack) {
  for (const Case& one : cases()) {
    const mpath::Selector selector = mpath::query(one.query);
    EXPECT_EQ(mpath::query(selector.str()), selector) << one.query << " as " << selector;
    EXPECT_EQ(mpath::query(selector.str()).str(), selector.str());
  }
  EXPECT_EQ(mpath::query(" /layers . 0 / [class: torch.nn.Linear ]~x/").str(),
            "layers/0/[cls:Linear]~x");
  EXPECT_EQ(mpath::query("~[cls:Linear]~~x/a~~*").str(), "~[cls:Linear]~~x/a~~*");
  // However often a name is dressed up.
  for (const char* name : {"Linear Impl", "LinearImplImpl", "ff.nn.torch.nn.Linear",
                           "torch::nn:: ff::nn::LinearImpl Impl"}) {
    const std::string one = mpath::query("[cls:" + std::string(name) + "]").str();
    EXPECT_EQ(one, "[cls:Linear]") << name;
    EXPECT_EQ(mpath::query(one).str(), one);
  }
}

struct Mistake {
  const char* query;
  const char* text;
};

TEST(MPath, MistakesAreShown) {
  const std::vector<Mistake> mistakes = {
      {"",
       "mpath: character 1: expected a name, '*', '**', '[', '{', '~' or '&', but the query "
       "ends here\n  \n  ^"},
      {"/", "mpath: character 2: expected a name"},
      {"a//b",
       "mpath: character 3: expected a name, '*', '**', '[', '{', '~' or '&'\n"
       "  a//b\n    ^"},
      {"a b", "mpath: character 3: expected '/' or the end of the query\n  a b\n    ^"},
      {"a***", "expected '/' or the end of the query"},
      {"***", "mpath: character 3: expected '/' or the end of the query\n  ***\n    ^"},
      {"a/b*", "mpath: character 4: expected '/' or the end of the query"},
      {"{a, b", "mpath: character 6: expected ',' or '}', but the query ends here"},
      {"{}", "mpath: character 2: expected a name"},
      {"{a,}", "mpath: character 4: expected a name"},
      {"a}", "mpath: character 2: expected '/' or the end of the query"},
      {"{a}b", "mpath: character 4: expected '/' or the end of the query"},
      {"~{a}", "mpath: character 2: expected a name"},
      {"~", "mpath: character 2: expected a name"},
      {"a~", "mpath: character 3: expected a name"},
      {"[cls:Linear",
       "mpath: character 12: expected ']', but the query ends here\n"
       "  [cls:Linear\n             ^"},
      {"[cls]", "mpath: character 5: expected ':'\n  [cls]\n      ^"},
      {"[cls:]", "mpath: character 6: the class is missing, like [cls:Linear]."},
      {"[klass:Linear]",
       "mpath: character 2: expected one of the fragments class, cls, qtag, "
       "quantizer, re, regex\n  [klass:Linear]\n   ^"},
      {"[:Linear]", "mpath: character 2: expected one of the fragments"},
      {"**/[re:(]",
       "mpath: character 8: '(' is no regular expression of RE2: missing ): (.\n"
       "  **/[re:(]\n         ^"},
      {"[re:a\\]", "mpath: character 8: expected ']', but the query ends here"},
      {"[cls:Linear\\Impl]",
       "mpath: character 6: 'Linear\\' is no class: its name has a backslash."},
      {"[qtag:a b]",
       "mpath: character 7: 'a b' cannot stand in a query: tags there have no space, comma or "
       "backslash."},
      {"[qtag:]", "mpath: character 7: a tag is empty; give one like parameter/weight."},
      {"[qtag:a,,b]", "mpath: character 7: a tag is empty"},
      {"\"a", "mpath: character 3: expected '\"', but the query ends here"},
      {"a/&b",
       "mpath: character 4: expected the name of an alias, but none is called 'b'\n"
       "  a/&b\n     ^"},
      {"&", "mpath: character 2: expected the name of an alias, but the query ends here"},
      {"a/b?", "mpath: character 4: expected '/' or the end of the query"},
      {"caf\xc3\xa9//x",
       "mpath: character 7: expected a name, '*', '**', '[', '{', '~' or '&'\n"
       "  caf\xc3\xa9//x\n       ^"},
      {"a\n//", "\n  a //\n     ^"},
  };
  for (const Mistake& mistake : mistakes)
    EXPECT_ERROR(c10::ValueError, mistake.text, mpath::query(mistake.query));
  std::string deep;
  for (int i = 0; i < 100000; ++i)
    deep += '{';
  EXPECT_ERROR(c10::ValueError, "expected at most 50 '{' inside one another", mpath::query(deep));
}

TEST(MPath, Aliases) {
  const ff::test::Nested model;
  const mpath::Aliases aliases{{"block", "layers/{0, 1}"}, {"w", "[qtag:parameter/weight]"}};
  EXPECT_EQ(mpath::search(mpath::query("&block/&w", aliases), model).names(),
            (Names{"layers.0.weight_quantizer", "layers.1.weight_quantizer"}));
  EXPECT_EQ(mpath::query("&block/&w", aliases).str(), "layers/{0, 1}/[qtag:parameter/weight]");
}

TEST(MPath, SelectorsAreJoined) {
  const ff::test::Nested model;
  const mpath::Selector linear(mpath::class_is("Linear"));
  EXPECT_EQ(mpath::search(mpath::Selector("heads") / linear, model).names(),
            (Names{"heads.main", "heads.side 1"}));
  EXPECT_EQ((mpath::Selector("a/b") | mpath::Selector("**")).str(), "{a/b, **}");
  EXPECT_EQ((mpath::Selector("a") | "b") / "c", mpath::Selector("{a,b}/c"));
  std::ostringstream stream;
  stream << mpath::Selector("a.b");
  EXPECT_EQ(stream.str(), "a/b");
}

TEST(MPath, NullsAndNothingAreErrors) {
  EXPECT_ERROR(c10::ValueError, "mpath: a Selector needs at least one step.",
               mpath::Selector(std::vector<mpath::Selector::Step>()));
  EXPECT_ERROR(c10::ValueError, "mpath: the fragment of a Selector is null.",
               mpath::Selector(mpath::FragmentPtr()));
  EXPECT_ERROR(c10::ValueError, "mpath: the root of the tree is null.",
               mpath::search("a", mpath::NodePtr()));
}

}  // namespace
