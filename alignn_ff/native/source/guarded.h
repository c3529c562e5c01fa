// No exception leaves the library: what exported functions return, and how an exception leaves a parallel region.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>

namespace alignn {

// Compared with native/arguments.py when the library is loaded.
enum Status : int64_t { DONE = 0, NO_MEMORY = 1, FAILED = 2, REFUSED = 3 };

// Every exported function is the body of one call of this: 0, or why it failed. `work` returns a status or nothing.
template <class Work>
int64_t guarded(Work work) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return DONE;
    } else {
      return work();
    }
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  } catch (...) {
    return FAILED;
  }
}

// Keeps the first exception of a parallel region, where one that leaves a thread would end the process. Work that comes
// after it is left out. Each call of run() lies inside the region, rethrow() behind it.
class Caught {
 public:
  template <class Work>
  void run(Work work) noexcept {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      work();
    } catch (...) {
      if (!failed_.exchange(true)) first_ = std::current_exception();
    }
  }

  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::exception_ptr first_;
};

}  // namespace alignn
