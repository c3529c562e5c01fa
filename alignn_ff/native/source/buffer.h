// Memory of one thread for the block that it works on.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace alignn {

// Grows to the largest block, aligned to cache lines; growing forgets what it held.
template <class T>
class Buffer {
 public:
  T* of(int64_t n) {
    if (n > size_) {
      memory_.reset(static_cast<T*>(::operator new(n * sizeof(T), LINE)));
      size_ = n;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t LINE{64};
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, LINE); }
  };
  std::unique_ptr<T, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace alignn
