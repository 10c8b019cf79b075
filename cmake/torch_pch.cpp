// Empty: CMake wants a source to precompile torch/torch.h for.
