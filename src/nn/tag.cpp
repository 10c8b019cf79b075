#include "fastforward/nn/tag.h"

#include <ostream>

namespace ff::nn {

std::vector<Tag> Tag::hierarchy() const {
  std::vector<Tag> tags = {*this};
  for (size_t end = symbol_.rfind('/'); end != std::string::npos;
       end = end == 0 ? std::string::npos : symbol_.rfind('/', end - 1)) {
    tags.emplace_back(symbol_.substr(0, end));
  }
  return tags;
}

std::ostream& operator<<(std::ostream& stream, const Tag& tag) {
  return stream << '#' << tag.str();
}

}  // namespace ff::nn
