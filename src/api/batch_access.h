// The inside of a Batch: what only this library may see.
//
// Pure functions.
#pragma once

#include <string>

#include "ram/batch.h"
#include "ram/status.h"

namespace ram {

class BatchAccess {
 public:
  // The transaction that `batch` describes, as bytes (machine/command_codec.h); the batch is spent.
  // Not applied: kInvalid, something in it is beyond its limit.
  static Result<std::string> take(Batch batch);
};

}  // namespace ram
