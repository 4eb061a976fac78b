// The door for system calls that may be slow: the memory barrier of all cores, and address space.
//
// Today they are made where they are asked for, on the loop thread. A helper thread can take them
// over behind these functions: EpochDomain asks for a barrier and polls for its confirmation, it
// never relies on it having happened.
//
// Thread-safe.
#pragma once

#include <cstddef>

namespace ram::store::upkeep {

// Whether barrier() is to be had: not on old kernels, under some seccomp filters, or with
// ThreadSanitizer, which would not understand it. Asks the kernel once.
bool has_barrier();

// Returns once every thread of this process has passed a full memory barrier. Requires:
// has_barrier().
void barrier();

// Address space that reads as zero; pages come with their first touch. Ends the process if there is
// none.
void* map(size_t bytes);
void unmap(void* at, size_t bytes);

}  // namespace ram::store::upkeep
