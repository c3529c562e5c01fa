// The one array type of the kernels: memory without initial values, aligned to cache lines.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace alignn {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t n) { of(n); }

  // At least n numbers; growing forgets what the buffer held. Throws std::bad_alloc.
  T* of(int64_t n) {
    if (n > size_) {
      if (n > MOST) throw std::bad_array_new_length();
      memory_.reset(static_cast<T*>(::operator new(n * sizeof(T), LINE)));
      size_ = n;
    }
    return memory_.get();
  }
  T* get() const { return memory_.get(); }
  T* operator+(int64_t i) const { return memory_.get() + i; }
  T& operator[](int64_t i) const { return memory_.get()[i]; }

 private:
  static constexpr std::align_val_t LINE{64};
  static constexpr int64_t MOST = std::numeric_limits<int64_t>::max() / int64_t(sizeof(T));
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, LINE); }
  };
  std::unique_ptr<T, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace alignn
