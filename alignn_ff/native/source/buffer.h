// The one array type of the kernels: memory without initial values, aligned to cache lines.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace alignn {

// Aligned by hand, since aligned allocation splits blocks: with glibc that cost 270 page faults per evaluation of 64
// atoms.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t n) { of(n); }

  // At least n numbers; growing forgets what the buffer held. Throws std::bad_alloc.
  T* of(int64_t n) {
    if (n > size_) {
      if (n > MOST) throw std::bad_array_new_length();
      memory_.reset(), size_ = 0;
      memory_.reset(new char[n * sizeof(T) + LINE]);
      const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(memory_.get());
      first_ = reinterpret_cast<T*>((begin + LINE - 1) / LINE * LINE);
      size_ = n;
    }
    return first_;
  }
  T* get() const { return first_; }
  T* operator+(int64_t i) const { return first_ + i; }
  T& operator[](int64_t i) const { return first_[i]; }

 private:
  static constexpr int64_t LINE = 64;
  static constexpr int64_t MOST = (std::numeric_limits<int64_t>::max() - LINE) / int64_t(sizeof(T));
  std::unique_ptr<char[]> memory_;
  T* first_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace alignn
