#include "keel/tools/data/image_set.hpp"
#include "keel/tools/data/sha256.hpp"

namespace keel::tools {

std::string digest(const ImageSet& train, const ImageSet& test) {
  Sha256 sum;
  for (const auto* bytes : {&train.pixels, &train.labels, &test.pixels, &test.labels}) sum.add(*bytes);
  return sum.hex();
}

}  // namespace keel::tools
