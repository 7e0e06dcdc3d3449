#include <algorithm>
#include <map>

#include "keel/models/onnx/network.hpp"

namespace keel::onnx {
namespace {

std::map<std::string_view, const OperatorEntry*> all_operators() {
  std::map<std::string_view, const OperatorEntry*> all;
  for (const auto family :
       {elementwise_operators(), activation_operators(), logic_operators(), constant_operators(),
        shape_operators(), indexing_operators(), reduction_operators(), product_operators(),
        convolution_operators(), pooling_operators(), normalization_operators(), loss_operators(),
        resize_operators(), recurrent_operators()}) {
    for (const auto& entry : family) all.emplace(entry.op, &entry);
  }
  return all;
}

}  // namespace

const OperatorEntry* find_operator(std::string_view op) {
  static const auto all = all_operators();
  const auto found = all.find(op);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace keel::onnx
