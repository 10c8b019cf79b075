#include "nn/linear_settings.h"

#include <c10/util/Exception.h>

#include <array>
#include <set>
#include <type_traits>
#include <utility>

#include "fastforward/nn/dynamic_linear_quantizer.h"
#include "fastforward/nn/linear_quantizer.h"
#include "fastforward/nn/quantizer_stub.h"
#include "nn/linear_state.h"

namespace ff::nn {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 9> kDtypes = {{
    {"int8", at::kChar},
    {"uint8", at::kByte},
    {"int16", at::kShort},
    {"int32", at::kInt},
    {"int64", at::kLong},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"float32", at::kFloat},
    {"float64", at::kDouble},
}};

c10::IValue dtype_setting(at::ScalarType type) {
  for (const auto& [name, known] : kDtypes) {
    if (known == type)
      return name;
  }
  TORCH_CHECK_NOT_IMPLEMENTED(false, "a setting cannot hold the type ", type);
}

// Settings by name, each taken once; what nobody took is an error.
class Reader {
 public:
  Reader(const char* type, const QuantizerSettings& settings) : type_(type), settings_(settings) {}

  const c10::IValue* find(const std::string& name) {
    known_.insert(name);
    const auto found = settings_.find(name);
    return found == settings_.end() ? nullptr : &found->second;
  }

  int64_t integer(const std::string& name) {
    const c10::IValue* value = find(name);
    TORCH_CHECK_VALUE(value != nullptr, type_, ": the setting '", name, "' is missing.");
    check(value->isInt(), name, *value, "an integer");
    return value->toInt();
  }
  bool boolean(const std::string& name, bool otherwise) {
    const c10::IValue* value = find(name);
    if (value == nullptr)
      return otherwise;
    check(value->isBool(), name, *value, "true or false");
    return value->toBool();
  }
  std::string text(const std::string& name, const char* otherwise) {
    const c10::IValue* value = find(name);
    if (value == nullptr)
      return otherwise;
    check(value->isString(), name, *value, "a text");
    return value->toStringRef();
  }
  std::vector<int64_t> integers(const std::string& name, std::vector<int64_t> otherwise = {}) {
    const c10::IValue* value = find(name);
    if (value == nullptr)
      return otherwise;
    check(value->isIntList(), name, *value, "a list of integers");
    return value->toIntVector();
  }
  std::optional<at::ScalarType> dtype(const std::string& name) {
    const c10::IValue* value = find(name);
    if (value == nullptr || value->isNone())
      return std::nullopt;
    std::string names;
    for (const auto& [known, type] : kDtypes) {
      names += std::string(names.empty() ? "" : ", ") + known;
      if (value->isString() && value->toStringRef() == known)
        return type;
    }
    check(false, name, *value, "one of " + names);
    return std::nullopt;
  }

  void finish() const {
    for (const auto& setting : settings_) {
      std::string names;
      for (const std::string& name : known_)
        names += (names.empty() ? "" : ", ") + name;
      TORCH_CHECK_VALUE(known_.count(setting.first) != 0, type_, ": unknown setting '",
                        setting.first, "'; known are ", names.empty() ? "none" : names, ".");
    }
  }

 private:
  void check(bool holds, const std::string& name, const c10::IValue& value,
             const std::string& expected) const {
    TORCH_CHECK_VALUE(holds, type_, ": the setting '", name, "' is ", value, "; expected ",
                      expected, ".");
  }

  const char* type_;
  const QuantizerSettings& settings_;
  std::set<std::string> known_;
};

void add_granularity(const Granularity& granularity, QuantizerSettings& settings) {
  if (granularity.is_per_tensor()) {
    settings["granularity"] = "per_tensor";
  } else if (const auto* channel = std::get_if<PerChannel>(&granularity.kind())) {
    settings["granularity"] = "per_channel";
    settings["channel_axes"] = channel->axes;
  } else if (const auto* tile = std::get_if<PerTile>(&granularity.kind())) {
    settings["granularity"] = "per_tile";
    settings["tile"] = tile->tile;
  } else {
    const auto& block = std::get<PerBlock>(granularity.kind());
    settings["granularity"] = "per_block";
    settings["block_axes"] = block.block_axes;
    settings["block_sizes"] = block.block_sizes;
    settings["channel_axes"] = block.channel_axes;
    settings["strict_blocks"] = block.strict_blocks;
  }
}

Granularity read_granularity(Reader& reader) {
  const std::string kind = reader.text("granularity", "per_tensor");
  if (kind == "per_tensor")
    return PerTensor();
  if (kind == "per_channel")
    return PerChannel(reader.integers("channel_axes", PerChannel().axes));
  if (kind == "per_tile")
    return PerTile(reader.integers("tile"));
  TORCH_CHECK_VALUE(kind == "per_block", "the setting 'granularity' is \"", kind,
                    "\"; expected per_tensor, per_channel, per_tile or per_block.");
  return PerBlock(reader.integers("block_axes"), reader.integers("block_sizes"),
                  reader.integers("channel_axes"), reader.boolean("strict_blocks", true));
}

template <typename Options>
QuantizerSettings shared_settings(const Options& options) {
  QuantizerSettings settings = {
      {"num_bits", options.num_bits()},
      {"symmetric", options.symmetric()},
      {"allow_one_sided", options.allow_one_sided()},
      {"one_sided_per_tile", options.one_sided_per_tile()},
      {"quantized_dtype", options.quantized_dtype().has_value()
                              ? dtype_setting(*options.quantized_dtype())
                              : c10::IValue()},
  };
  add_granularity(options.granularity(), settings);
  return settings;
}

template <typename Options>
Options read_shared(Reader& reader) {
  Options options(reader.integer("num_bits"));
  options.symmetric(reader.boolean("symmetric", options.symmetric()));
  options.allow_one_sided(reader.boolean("allow_one_sided", options.allow_one_sided()));
  options.one_sided_per_tile(reader.boolean("one_sided_per_tile", options.one_sided_per_tile()));
  options.quantized_dtype(reader.dtype("quantized_dtype"));
  options.granularity(read_granularity(reader));
  return options;
}

QuantizerType linear_type() {
  return {"LinearQuantizer", typeid(LinearQuantizerImpl),
          [](const QuantizerImpl& quantizer) {
            const auto& options = static_cast<const LinearQuantizerImpl&>(quantizer).options;
            QuantizerSettings settings = shared_settings(options);
            settings["param_dtype"] = dtype_setting(options.param_dtype());
            return settings;
          },
          [](const QuantizerSettings& settings) {
            Reader reader("LinearQuantizer", settings);
            auto options = read_shared<LinearQuantizerOptions>(reader);
            options.param_dtype(reader.dtype("param_dtype").value_or(options.param_dtype()));
            reader.finish();
            return Quantizer(std::make_shared<LinearQuantizerImpl>(std::move(options)));
          },
          [](const QuantizerImpl& quantizer, const QuantizerTensors& tensors,
             const QuantizerMetadata& metadata) {
            const auto& options = static_cast<const LinearQuantizerImpl&>(quantizer).options;
            const auto offset = tensors.find("offset");
            check_linear_state(tensors.at("scale"),
                               offset == tensors.end() ? at::Tensor() : offset->second,
                               options.granularity(), metadata.shape());
          }};
}

QuantizerType dynamic_type() {
  return {
      "DynamicLinearQuantizer", typeid(DynamicLinearQuantizerImpl),
      [](const QuantizerImpl& quantizer) {
        return shared_settings(static_cast<const DynamicLinearQuantizerImpl&>(quantizer).options);
      },
      [](const QuantizerSettings& settings) {
        Reader reader("DynamicLinearQuantizer", settings);
        auto options = read_shared<DynamicLinearQuantizerOptions>(reader);
        reader.finish();
        return Quantizer(std::make_shared<DynamicLinearQuantizerImpl>(std::move(options)));
      }};
}

QuantizerType stub_type() {
  return {"QuantizerStub", typeid(QuantizerStubImpl),
          [](const QuantizerImpl&) { return QuantizerSettings(); },
          [](const QuantizerSettings& settings) {
            Reader("QuantizerStub", settings).finish();
            return Quantizer(std::make_shared<QuantizerStubImpl>());
          }};
}

}  // namespace

std::vector<QuantizerType> builtin_quantizer_types() {
  return {linear_type(), dynamic_type(), stub_type()};
}

}  // namespace ff::nn
