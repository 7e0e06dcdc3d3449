#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

dnnl::normalization_flags flags_of(const BatchNormOptions& options) {
  // Scale and shift as separate arguments: the only form that both interfaces know.
  auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  if (options.use_given_statistics) flags = flags | dnnl::normalization_flags::use_global_stats;
  return flags;
}

dnnl::batch_normalization_forward::primitive_desc forward_desc(const Desc& data,
                                                               const BatchNormOptions& options) {
  const auto kind = options.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, data, data, options.epsilon, flags_of(options), attributes()};
#else
  return {{kind, data, options.epsilon, flags_of(options)}, attributes(), engine()};
#endif
}

}  // namespace

Call batch_norm_forward(const Desc& data, const BatchNormOptions& options) {
  return Call{forward_desc(data, options)};
}

Call batch_norm_backward(const Desc& data, const BatchNormOptions& options) {
  using Backward = dnnl::batch_normalization_backward;
  const auto forward = forward_desc(data, options);
  const auto kind = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  return Call{Backward::primitive_desc{engine(), kind, data, data, data, options.epsilon, flags_of(options),
                                       forward, attributes()}};
#else
  return Call{Backward::primitive_desc{
      {kind, data, data, options.epsilon, flags_of(options)}, attributes(), engine(), forward}};
#endif
}

bool batch_norm_backward_takes_shift() {
  return DNNL_VERSION_MAJOR < 3;
}

}  // namespace keel::onednn
