#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

dnnl::normalization_flags flags_of(const BatchNorm& of) {
  // Scale and shift as separate arguments: the only form that both interfaces know.
  auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  if (of.use_given_statistics) flags = flags | dnnl::normalization_flags::use_global_stats;
  return flags;
}

dnnl::batch_normalization_forward::primitive_desc forward_desc(const Desc& data, const BatchNorm& of) {
  const auto kind = of.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, data, data, of.epsilon, flags_of(of), attributes()};
#else
  return {{kind, data, of.epsilon, flags_of(of)}, attributes(), engine()};
#endif
}

}  // namespace

Call batch_norm_forward(const Desc& data, const BatchNorm& of) {
  return Call{forward_desc(data, of)};
}

Call batch_norm_backward(const Desc& data, const BatchNorm& of) {
  using Backward = dnnl::batch_normalization_backward;
  const auto forward = forward_desc(data, of);
  const auto kind = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  return Call{Backward::primitive_desc{engine(), kind, data, data, data, of.epsilon, flags_of(of), forward,
                                       attributes()}};
#else
  return Call{Backward::primitive_desc{
      {kind, data, data, of.epsilon, flags_of(of)}, attributes(), engine(), forward}};
#endif
}

bool batch_norm_backward_takes_shift() {
  return DNNL_VERSION_MAJOR < 3;
}

}  // namespace keel::onednn
