#include "model/mpath_registry.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>

namespace ff::mpath {
namespace {

std::string trimmed(const std::string& text) {
  const char* const kSpace = " \t\n\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string::npos)
    return "";
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

FragmentPtr class_from(const std::string& text) {
  return class_is(trimmed(text));
}

FragmentPtr tags_from(const std::string& text) {
  std::vector<nn::Tag> tags;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    tags.emplace_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return has_tags(tags);
}

struct Factories {
  std::mutex mutex;
  std::map<std::string, FragmentFactory> by_tag = {{"cls", class_from}, {"class", class_from},
                                                   {"re", name_fits},   {"regex", name_fits},
                                                   {"qtag", tags_from}, {"quantizer", tags_from}};
};

Factories& factories() {
  static Factories all;
  return all;
}

}  // namespace

std::optional<FragmentFactory> fragment_factory(const std::string& tag) {
  const std::scoped_lock lock(factories().mutex);
  const auto found = factories().by_tag.find(tag);
  if (found == factories().by_tag.end())
    return std::nullopt;
  return found->second;
}

std::string fragment_tags() {
  const std::scoped_lock lock(factories().mutex);
  std::string all;
  for (const auto& [tag, factory] : factories().by_tag)
    all += (all.empty() ? "" : ", ") + tag;
  return all;
}

Registration register_fragment(const std::string& tag, FragmentFactory factory) {
  const bool is_name = !tag.empty() && std::all_of(tag.begin(), tag.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
  TORCH_CHECK_VALUE(is_name, "mpath: '", tag,
                    "' is no tag of a fragment; expected letters, digits and underscores.");
  TORCH_CHECK_VALUE(factory != nullptr, "mpath: the factory of [", tag, ":...] is empty.");
  const std::scoped_lock lock(factories().mutex);
  TORCH_CHECK_VALUE(factories().by_tag.emplace(tag, std::move(factory)).second,
                    "mpath: there is a fragment [", tag, ":...] already; choose another tag.");
  return Registration([tag] {
    const std::scoped_lock again(factories().mutex);
    factories().by_tag.erase(tag);
  });
}

}  // namespace ff::mpath
