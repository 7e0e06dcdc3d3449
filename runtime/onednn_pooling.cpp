#include "keel/runtime/onednn_internal.hpp"

namespace keel::onednn {
namespace {

dnnl::algorithm algorithm_of(Pooling::Kind kind) {
  return kind == Pooling::Kind::max ? dnnl::algorithm::pooling_max
                                    : dnnl::algorithm::pooling_avg_include_padding;
}

struct Description {
  explicit Description(const Pooling& pooling)
      : algorithm(algorithm_of(pooling.kind)),
        src(image(pooling.src, MemoryFormat::channels_last)),
        dst(image(pooling.dst, MemoryFormat::channels_last)),
        kernel(dims_of(pooling.window.kernel)),
        stride(dims_of(pooling.window.stride)),
        padding(dims_of(pooling.window.padding)) {}

  dnnl::algorithm algorithm;
  Desc src;
  Desc dst;
  dnnl::memory::dims kernel;
  dnnl::memory::dims stride;
  dnnl::memory::dims padding;
};

dnnl::pooling_forward::primitive_desc forward_desc(const Description& of) {
  // In training mode, which alone has a workspace.
  const auto kind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::memory::dims no_dilation{0, 0};
  return {engine(),  kind,        of.algorithm, of.src,     of.dst,      of.stride,
          of.kernel, no_dilation, of.padding,   of.padding, attributes()};
#else
  return {{kind, of.algorithm, of.src, of.dst, of.stride, of.kernel, of.padding, of.padding},
          attributes(),
          engine()};
#endif
}

}  // namespace

Call pooling_forward(const Pooling& pooling) {
  return Call{forward_desc(Description{pooling})};
}

Call pooling_backward(const Pooling& pooling) {
  using Backward = dnnl::pooling_backward;
  const Description of{pooling};
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::memory::dims no_dilation{0, 0};
  return Call{Backward::primitive_desc{engine(), of.algorithm, of.src, of.dst, of.stride, of.kernel,
                                       no_dilation, of.padding, of.padding, forward_desc(of), attributes()}};
#else
  return Call{
      Backward::primitive_desc{{of.algorithm, of.src, of.dst, of.stride, of.kernel, of.padding, of.padding},
                               attributes(),
                               engine(),
                               forward_desc(of)}};
#endif
}

Desc pooling_workspace(const Pooling& pooling) {
  return forward_desc(Description{pooling}).workspace_desc();
}

}  // namespace keel::onednn
