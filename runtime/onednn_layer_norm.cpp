#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

dnnl::normalization_flags flags() {
  return dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
}

dnnl::layer_normalization_forward::primitive_desc forward_desc(const Desc& data, const Desc& statistics,
                                                               float epsilon) {
  const auto kind = dnnl::prop_kind::forward_training;  // which returns the statistics
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, data, data, statistics, epsilon, flags(), attributes()};
#else
  return {{kind, data, statistics, epsilon, flags()}, attributes(), engine()};
#endif
}

}  // namespace

Call layer_norm_forward(std::int64_t rows, std::int64_t features, float epsilon) {
  return Call{forward_desc(matrix(rows, features), dense({rows}), epsilon)};
}

Call layer_norm_backward(std::int64_t rows, std::int64_t features, float epsilon) {
  using Backward = dnnl::layer_normalization_backward;
  const auto data = matrix(rows, features);
  const auto statistics = dense({rows});
  const auto forward = forward_desc(data, statistics, epsilon);
  const auto kind = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  return Call{Backward::primitive_desc{engine(), kind, data, data, data, statistics, epsilon, flags(),
                                       forward, attributes()}};
#else
  return Call{Backward::primitive_desc{
      {kind, data, data, statistics, epsilon, flags()}, attributes(), engine(), forward}};
#endif
}

}  // namespace keel::onednn
