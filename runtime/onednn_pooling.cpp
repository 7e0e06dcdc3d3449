#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

constexpr auto algorithm = dnnl::algorithm::pooling_avg_include_padding;

struct Description {
  explicit Description(const Pooling& pooling)
      : src(image(pooling.src, MemoryFormat::channels_last)),
        dst(image(pooling.dst, MemoryFormat::channels_last)),
        kernel(dims_of(pooling.window.kernel)),
        stride(dims_of(pooling.window.stride)),
        padding(dims_of(pooling.window.padding)) {}

  Desc src;
  Desc dst;
  dnnl::memory::dims kernel;
  dnnl::memory::dims stride;
  dnnl::memory::dims padding;
};

dnnl::pooling_forward::primitive_desc forward_desc(const Description& of) {
  // In training mode, as backward's hint.
  const auto kind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::memory::dims no_dilation{0, 0};
  return {engine(),  kind,        algorithm,  of.src,     of.dst,      of.stride,
          of.kernel, no_dilation, of.padding, of.padding, attributes()};
#else
  return {{kind, algorithm, of.src, of.dst, of.stride, of.kernel, of.padding, of.padding},
          attributes(),
          engine()};
#endif
}

}  // namespace

Call average_pooling_forward(const Pooling& pooling) {
  return Call{forward_desc(Description{pooling})};
}

Call average_pooling_backward(const Pooling& pooling) {
  using Backward = dnnl::pooling_backward;
  const Description of{pooling};
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::memory::dims no_dilation{0, 0};
  return Call{Backward::primitive_desc{engine(), algorithm, of.src, of.dst, of.stride, of.kernel, no_dilation,
                                       of.padding, of.padding, forward_desc(of), attributes()}};
#else
  return Call{
      Backward::primitive_desc{{algorithm, of.src, of.dst, of.stride, of.kernel, of.padding, of.padding},
                               attributes(),
                               engine(),
                               forward_desc(of)}};
#endif
}

}  // namespace keel::onednn
