#include "fastforward/core/type_name.h"

namespace ff {

std::string unqualified_name(std::string_view name) {
  size_t begin = 0;
  int depth =
      0;  // of brackets: template arguments, "(anonymous namespace)", a function's arguments
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '<' || c == '(' || c == '{')
      ++depth;
    else if (c == '>' || c == ')' || c == '}')
      --depth;
    else if (depth == 0 && name.substr(i, 2) == "::")
      begin = i + 2;
  }
  return std::string(name.substr(begin));
}

}  // namespace ff
