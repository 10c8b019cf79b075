#include <fastforward/core/api.h>

#include <iostream>

int main() {
  std::cout << "fastforward " << ff::version() << ", LibTorch " << ff::torch_version() << "\n";
  return 0;
}
