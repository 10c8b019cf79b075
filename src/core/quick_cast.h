#pragma once

#include <type_traits>
#include <typeinfo>

namespace ff {

/// What dynamic_cast<To*>(object) gives. That walks through base classes, some 300 instructions;
/// here only if `object` is of a type derived from To.
template <typename To, typename From>
To* quick_cast(From* object) {
  if (object == nullptr)
    return nullptr;
  if (typeid(*object) == typeid(To))
    return static_cast<To*>(object);
  if constexpr (std::is_final_v<To>)
    return nullptr;
  else
    return dynamic_cast<To*>(object);
}

}  // namespace ff
